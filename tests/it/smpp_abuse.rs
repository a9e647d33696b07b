//! Bad input: peers that send nonsense, never read, or come in floods. Others are unharmed: a well-behaved client
//! keeps getting its answers meanwhile.

use std::time::Duration;

use tokio::net::TcpSocket;

use crate::smpp_raw::*;
use crate::smpp_stage::*;

/// Keeps asking until told to stop; every answer must come.
async fn goes_on(peer: &mut Peer, message: &Message, until: impl Future<Output = ()>) -> usize {
    tokio::pin!(until);
    let mut answered = 0;
    loop {
        peer.accepted(message).await;
        answered += 1;
        tokio::select! {
            biased;
            () = &mut until => return answered,
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
}

/// A repeatable stream of nonsense.
struct Nonsense(u64);

impl Nonsense {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_be_bytes()[3]).collect()
    }
}

/// Random octets, random bodies under good headers, and good PDUs with octets changed: an answer or a close, never
/// silence for others.
#[tokio::test]
async fn nonsense_harms_nobody_else() {
    let stage = Stage::set(Plan {
        north: "pdu_timeout = \"1s\"\nbind_timeout = \"1s\"",
        shop: "max_binds = 100",
        ..Plan::default()
    })
    .await;
    let _link = stage.link().await;
    let mut honest = stage.bound("notary").await;
    let message = Message::to(&stage.people[0].pseudonym, "honest");
    let good = message.clone().with(PSEUDONYM, b"x").with(0x020c, &[1, 2]).body();
    let attack = async {
        let mut nonsense = Nonsense(0x9e37_79b9_7f4a_7c15);
        for round in 0..30 {
            let mut peer = Peer::connect(stage.north()).await;
            if round % 3 != 0 {
                peer = stage.bound("shop").await;
            }
            for _ in 0..40 {
                let octets = match round % 3 {
                    0 => nonsense.octets(200),
                    1 => {
                        let ids =
                            [SUBMIT_SM, DATA_SM, SUBMIT_MULTI, QUERY_SM, CANCEL_SM, REPLACE_SM, 0x8000_0005];
                        let id = ids[usize::try_from(nonsense.next() % 7).unwrap()];
                        let length = usize::try_from(nonsense.next() % 300).unwrap();
                        Pdu::new(id, 9, nonsense.octets(length)).octets()
                    }
                    _ => {
                        let mut body = good.clone();
                        for _ in 0..3 {
                            let at = usize::try_from(nonsense.next()).unwrap() % body.len();
                            body[at] = nonsense.next().to_be_bytes()[0];
                        }
                        Pdu::new(SUBMIT_SM, 9, body).octets()
                    }
                };
                if !peer.try_write(&octets).await {
                    break;
                }
            }
            if round % 3 == 0 {
                peer.until_closed().await;
            } else {
                let asked = peer.send(ENQUIRE_LINK, Vec::new()).await;
                assert_eq!(peer.response(asked).await.status, 0, "round {round}: the session lives");
            }
        }
    };
    assert!(goes_on(&mut honest, &message, attack).await > 1);
    assert_eq!(stage.metric("veilgate_panics_total", ""), 0.0);
}

/// A client that never reads is closed when its answers have lain there for too long, even while its account has
/// other mail all the time; another bind of the same account goes on.
#[tokio::test]
async fn a_client_that_never_reads_is_closed() {
    let north = "write_stall = \"1s\"\nmax_backlog = 65536";
    let stage = Stage::set(Plan { north, ..Plan::default() }).await;
    let mut link = stage.link().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut deaf = Peer::over(socket.connect(stage.north()).await.unwrap());
    let mut other = stage.bound("shop").await;
    let message = Message::to(&stage.people[0].pseudonym, "x");
    let flood = async {
        deaf.write(&Pdu::new(BIND_TRANSCEIVER, 1, bind_body("shop", PASSWORD, 0x34)).octets()).await;
        let many: Vec<u8> = (0..4096).flat_map(|n| Pdu::new(0xbad, n, vec![0; 4]).octets()).collect();
        while deaf.try_write(&many).await {}
        stage.counted("veilgate_north_closes_total", "write_stall", 1.0).await;
    };
    let traffic = async {
        let mut index = 0;
        loop {
            let name = index.to_string();
            let seen = link.took(&name).await;
            let body = receipt(&seen, &name, "DELIVRD").body();
            link.send(DELIVER_SM, body).await;
            index += 1;
        }
    };
    let answered = async {
        tokio::select! {
            answered = goes_on(&mut other, &message, flood) => answered,
            () = traffic => 0,
        }
    };
    let answered =
        tokio::time::timeout(PATIENCE * 2, answered).await.expect("the deaf client stays for ever");
    assert!(answered > 10, "{answered}");
}

/// An SMSC that never reads is left; the north is served meanwhile.
#[tokio::test]
async fn an_smsc_that_never_reads_is_left() {
    let stage = Stage::set(Plan {
        north: "write_stall = \"1s\"\nmax_backlog = 65536",
        channels: &["window = 65535\nresponse_timeout = \"10m\""],
        shop: "rate_per_second = 1000000",
        ..Plan::default()
    })
    .await;
    let deaf = stage.link().await;
    let mut peer = stage.bound("shop").await;
    let mut message = Message::to(&stage.people[0].pseudonym, "").with(PAYLOAD, &[b'x'; 2048]);
    message.registered = 0;
    let body = message.body();
    let mut sent = 0_u32;
    // Socket buffers take some megabytes before anybody stalls.
    while stage.metric("veilgate_channel_link_ends_total", "write_stall") < 1.0 {
        let all: Vec<u8> = (0..200).flat_map(|n| Pdu::new(SUBMIT_SM, n, body.clone()).octets()).collect();
        peer.write(&all).await;
        for _ in 0..200 {
            assert_eq!(peer.read().await.unwrap().status, 0);
        }
        sent += 200;
        assert!(sent < 20_000, "never left");
        if sent > 6000 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    drop(deaf);
    peer.is_quiet().await;
}

/// A flood of connections that say nothing: clients that are bound go on, and new ones come in when it ebbs.
#[tokio::test]
async fn a_flood_of_connections_harms_no_bound_client() {
    let north = "max_half_open = 8\nmax_connections_per_ip = 1000\nbind_timeout = \"1s\"";
    let stage = Stage::set(Plan { north, ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut honest = stage.bound("shop").await;
    let message = Message::to(&stage.people[0].pseudonym, "honest");
    let flood = async {
        let mut silent = Vec::new();
        for _ in 0..200 {
            silent.push(Peer::connect(stage.north()).await);
        }
        stage.counted("veilgate_north_connections_refused_total", "half_open", 100.0).await;
        for mut peer in silent {
            assert!(peer.read().await.is_none());
        }
    };
    assert!(goes_on(&mut honest, &message, flood).await > 1);
    link.took("1").await;
    stage.bound("notary").await.is_quiet().await;
}
