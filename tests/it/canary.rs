//! The leak test: traffic of every kind with numbers in every place a peer can put one, then a search for them in
//! every octet written north, log line, metric, error and file.

mod replies;
mod requests;

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use veilgate::admin::Request;
use veilgate::telemetry::panic_hook;
use veilgate_simulators::esme::{Client, ConnectOptions, IncomingKind, Recipient, Submission};
use veilgate_simulators::feed::EdiMaker;
use veilgate_simulators::message::{Address, tag};
use veilgate_simulators::smsc::{ReceiptOptions, ReceiptWhen, SmscOptions};
use veilgate_simulators::text::{Coding, Split};

use crate::gateway::{EDI_KEY, Gateway, PASSWORD, Party, Person, Plan};

/// How the first subscribers are known before the run; the others are not known at all.
const REGISTERED: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_run_leaks_nothing() {
    let mut gateway = plan().start().await;
    register(&gateway).await;
    let mut notary = gateway.bind("notary").await;
    let mut shop = gateway.bind("shop").await;
    let mut rival = gateway.bind("rival").await;
    send_in_every_form(&gateway, &notary, &shop, &rival).await;
    provoke_the_smsc(&gateway, &shop).await;
    name_numbers(&gateway, &notary, &shop).await;
    name_the_unreachable(&gateway, &notary, &shop).await;
    replies::write_own_number(&gateway, &mut notary, &mut shop, &mut rival).await;
    requests::ask_with_numbers(&gateway).await;
    send_malformed(&gateway).await;
    bind_with_numbers(&gateway).await;
    ask_operations(&gateway).await;
    gateway.smsc(0).disconnect_all();
    gateway.smsc(1).disconnect_all();
    panic_with_number(&gateway);
    gateway.settled().await;
    let is_logged = |gateway: &Gateway| gateway.log().contains("Panicked");
    gateway.until("the panic is logged, without its words", is_logged).await;
    gateway.restart().await;
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_number_is_found() {
    let gateway = Plan::new().start().await;
    let number = gateway.person(3).number.clone();
    gateway.note_north("planted", format!("id:1 stat:DELIVRD text:{number}").as_bytes());
    std::fs::write(gateway.folder().join("data/planted"), number.as_bytes()).unwrap();
    let found = gateway.stop_and_search().await;
    assert!(found.iter().any(|place| place.starts_with("planted")), "{found:?}");
    assert!(found.iter().any(|place| place.contains("data/planted")), "{found:?}");
}

fn plan() -> Plan {
    let leaky = |states: &str, seed| SmscOptions {
        seed,
        answers: [
            "status=0x45; match=refuse",
            "throttle; match=slow; limit=2",
            "drop; match=silence",
            "disconnect; match=hang up; limit=1",
        ]
        .map(|rule| rule.parse().unwrap())
        .to_vec(),
        receipts: ReceiptOptions {
            when: ReceiptWhen::Always,
            leak_number: true,
            intermediate: true,
            duplicate_percent: 30.0,
            states: states.parse().unwrap(),
            ..ReceiptOptions::default()
        },
        ..SmscOptions::default()
    };
    Plan::new()
        .subscribers(24)
        .smsc(leaky("DELIVRD=2,UNDELIV=1,EXPIRED=1", 7))
        .smsc(leaky("DELETED=1,UNKNOWN=1,REJECTD=1,DELIVRD=1", 8))
        .config("flow = { late_answer_grace = \"1s\", throttle_backoff_min = \"50ms\" }")
        .config("[[channels]]\nid = \"smsc-1\"\nresponse_timeout = \"1s\"")
        .config("[[channels]]\nid = \"smsc-2\"\nresponse_timeout = \"1s\"\nretry_unknown = true")
}

async fn register(gateway: &Gateway) {
    let lines = json_lines(gateway).into_iter().take(REGISTERED).collect();
    gateway.ops(Request::AuthorizationsImport { platform: None, path: None, lines }).await;
}

fn json_lines(gateway: &Gateway) -> Vec<String> {
    let path = gateway.folder().join("feed/authorizations.jsonl");
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn short(person: &Person) -> Recipient {
    Recipient::short(
        &person.device,
        &person.pseudonym,
        &person.authorization,
        &person.as_of,
        &person.enterprise,
    )
}

fn say(person: &Person, recipient: Recipient, text: &str) -> Submission {
    Submission::new(person.service_number(), recipient, text)
}

/// Every recipient form from the accounts that may use it; GSM, UCS-2, long in every way of splitting.
async fn send_in_every_form(gateway: &Gateway, notary: &Party, shop: &Party, rival: &Party) {
    let lines = json_lines(gateway);
    for (place, person) in gateway.persons().iter().enumerate().take(REGISTERED) {
        let account = if person.enterprise == "ent-1" { shop } else { rival };
        account.accepted(&say(person, Recipient::pseudonym(&person.pseudonym), "Your parcel is here")).await;
        let by_tag = Recipient::default().with(tag::PSEUDONYM, &person.pseudonym);
        account.accepted(&say(person, by_tag, "您的包裹已到")).await;
        notary.accepted(&say(person, Recipient::authorization(&person.authorization), "{€}")).await;
        let with_device = Recipient::authorization(&person.authorization).with(tag::EDI, &person.device);
        notary.accepted(&say(person, with_device, "once more")).await;
        let (coding, split) = [
            (Coding::Gsm, Split::Udh),
            (Coding::Ucs2, Split::Udh16),
            (Coding::Latin1, Split::Sar),
            (Coding::Ucs2, Split::Payload),
        ][place % 4];
        let text = "A long text that goes on. ".repeat(8);
        let long = Submission {
            coding,
            split,
            reference: 77,
            ..say(person, Recipient::pseudonym(&person.pseudonym), &text)
        };
        account.accepted(&long).await;
    }
    for person in &gateway.persons()[REGISTERED..18] {
        notary.accepted(&say(person, short(person), "the short form")).await;
    }
    for (person, line) in gateway.persons().iter().zip(&lines).skip(18).take(4) {
        notary.accepted(&say(person, Recipient::authorization_json(line), "the whole form")).await;
    }
}

/// Answers with errors, throttling, silence, a closed connection.
async fn provoke_the_smsc(gateway: &Gateway, shop: &Party) {
    for (place, text) in [(0, "refuse"), (2, "slow"), (4, "silence"), (6, "hang up"), (8, "refuse this too")]
    {
        let person = gateway.person(place);
        for _ in 0..3 {
            shop.accepted(&say(person, Recipient::pseudonym(&person.pseudonym), text)).await;
        }
    }
}

/// A number wherever the north can write one: refused, and not repeated in any answer, log or file.
async fn name_numbers(gateway: &Gateway, notary: &Party, shop: &Party) {
    let person = gateway.person(0);
    let number = &person.number;
    let dashed = format!("{}-{}-{}", &number[..3], &number[3..7], &number[7..]);
    for spelling in [number.clone(), format!("+86{number}"), format!("0086{number}"), dashed] {
        for ton in [0, 1, 2, 5] {
            let destination = Address { ton, npi: 1, digits: spelling.clone() };
            let raw = Recipient { destination, tlvs: Vec::new() };
            for account in [notary, shop] {
                account.refused(&say(person, raw.clone(), "to a number")).await;
            }
        }
        for place in [tag::PSEUDONYM, tag::AUTHORIZATION_ID, tag::EDI, tag::AUTHORIZATION_JSON] {
            let tagged = Recipient::default().with(place, &spelling);
            for account in [notary, shop] {
                account.refused(&say(person, tagged.clone(), "to a number")).await;
            }
        }
        let alias = Recipient::short(&person.device, &spelling, "au-9", &person.as_of, "ent-1");
        notary.refused(&say(person, alias, "a number for an alias")).await;
        let as_of = Recipient::short(&person.device, &person.pseudonym, "au-9", &spelling, "ent-1");
        notary.refused(&say(person, as_of, "a number for a day")).await;
        let from = Submission::new(&spelling, Recipient::pseudonym(&person.pseudonym), "from a number");
        shop.refused(&from).await;
        let json = format!("{{\"authorization_id\":\"{spelling}\",\"{spelling}\":1}}");
        notary.refused(&say(person, Recipient::authorization_json(&json), "JSON with a number")).await;
        let _ = shop.client.query(&spelling).await;
        let _ = shop.client.cancel(&spelling).await;
    }
    let text = format!("Your new number is {number}, {}", person.international());
    shop.accepted(&say(person, Recipient::pseudonym(&person.pseudonym), &text)).await;
}

/// Unknown, expired, revoked and foreign authorizations, devices that do not decrypt or lead nowhere.
async fn name_the_unreachable(gateway: &Gateway, notary: &Party, shop: &Party) {
    let person = gateway.person(22);
    for recipient in [Recipient::pseudonym("Znobody4444"), Recipient::pseudonym(&gateway.person(1).pseudonym)]
    {
        shop.refused(&say(person, recipient, "to a stranger")).await;
    }
    notary.refused(&say(person, Recipient::authorization("au-unknown"), "unknown")).await;
    let expired = json_lines(gateway)[22]
        .replace("\"expires_at\":\"20", "\"expires_at\":\"2026-03-02T00:00:00Z\",\"x\":\"20");
    notary.refused(&say(person, Recipient::authorization_json(&expired), "malformed")).await;
    let tampered = format!("{}AAAA", person.device);
    let wrong_key = EdiMaker::new("k1", "ffffffffffffffffffffffffffffffff").unwrap();
    let unknown_kid = EdiMaker::new("k9", EDI_KEY).unwrap();
    let good = EdiMaker::new("k1", EDI_KEY).unwrap();
    let cases = [
        tampered,
        wrong_key.make("imei", "352099001761481", [1; 12]).unwrap(),
        unknown_kid.make("imei", "352099001761481", [2; 12]).unwrap(),
        good.make("imei", "352099001761481", [3; 12]).unwrap(),
        good.make("imei", &person.number, [4; 12]).unwrap(),
        good.make("msisdn", &person.number, [5; 12]).unwrap(),
        good.make("cuid", &person.number, [6; 12]).unwrap(),
    ];
    for (place, device) in cases.iter().enumerate() {
        let id = format!("au-bad-{place}");
        let pseudonym = format!("Zbad{place}45678");
        let recipient = Recipient::short(device, &pseudonym, &id, &person.as_of, "ent-1");
        notary.refused(&say(person, recipient, "to nobody")).await;
    }
    let revoked = gateway.person(10);
    let id = veilgate_names::AuthorizationId::parse(&revoked.authorization).unwrap();
    gateway.ops(Request::Revoke { authorization_ids: vec![id] }).await;
    let (_, reason) =
        shop.refused(&say(revoked, Recipient::pseudonym(&revoked.pseudonym), "to one who ended it")).await;
    assert_eq!(reason, "3003");
}

/// PDUs that end too soon, are too long, unknown or out of state, each with a number inside.
async fn send_malformed(gateway: &Gateway) {
    let number = gateway.person(0).number.as_bytes().to_vec();
    let pdu = |id: u32, length: u32, body: &[u8]| {
        let mut pdu = [length, id, 0, 7].map(u32::to_be_bytes).concat();
        pdu.extend_from_slice(body);
        pdu
    };
    let whole = |id: u32, body: &[u8]| pdu(id, u32::try_from(16 + body.len()).unwrap(), body);
    let fields = [&b"\0\0\0"[..], &number, b"\0\x05\0", &number, b"\0"].concat();
    for (bound, octets) in [
        (false, whole(4, &fields)),
        (true, whole(4, &fields)),
        (true, whole(4, &number)),
        (true, whole(0x21, &fields)),
        (true, whole(0x103, &fields)),
        (true, whole(0x7777, &number)),
        (true, whole(0x8000_0004, &number)),
        (true, whole(5, &fields)),
        (true, whole(3, &number)),
        (true, whole(8, &number)),
        (true, pdu(4, 9, &number)),
        (true, pdu(4, 0x7FFF_FFFF, &number)),
        (true, number.repeat(20)),
    ] {
        let mut party = gateway.connect_raw().await;
        if bound {
            party.bind("shop").await;
        }
        party.write(&octets).await;
        // Ends every connection that still stands; what came before is read.
        party.write(&whole(6, b"")).await;
        while party.read().await.is_some() {}
    }
}

async fn bind_with_numbers(gateway: &Gateway) {
    let number = &gateway.person(0).number;
    for (system_id, password) in [(number.as_str(), PASSWORD), ("shop", &number[3..]), (number, &number[3..])]
    {
        let options = ConnectOptions::new(gateway.address(), system_id, password);
        assert!(Client::connect(options).await.is_err());
    }
    let mut options = ConnectOptions::new(gateway.address(), "shop", PASSWORD);
    options.system_type = number.clone();
    drop(Client::connect(options).await);
}

/// Numbers in what staff and Prometheus ask; answers are kept for the search.
async fn ask_operations(gateway: &Gateway) {
    let number = gateway.person(0).number.clone();
    for path in [format!("/{number}"), format!("/metrics?number={number}"), "/readyz".to_owned()] {
        let (_, body) = gateway.http(&path).await;
        gateway.note_north("http", body.as_bytes());
    }
    let socket = gateway.config().ops_socket();
    let feed = gateway.folder().join("feed");
    let bad = gateway.folder().join("bad.csv");
    std::fs::write(&bad, format!("id_type,id,msisdn,from,to,primary\nimei,{number},+86{number},never,,1\n"))
        .unwrap();
    let tenures = feed.join("tenures.csv");
    let lines = [
        format!("{{\"command\":\"revoke\",\"authorization_ids\":[\"{number}\"]}}"),
        format!("{{\"command\":\"revoke\",\"authorization_ids\":[\"au-1\"],\"actor\":\"{number}\"}}"),
        format!("{{\"command\":\"{number}\"}}"),
        number.clone(),
        format!("{{\"command\":\"channel-disable\",\"channel\":\"{number}\"}}"),
        format!(
            "{{\"command\":\"authorizations-import\",\"lines\":[\"{number}\",\"{{\\\"pseudonym\\\":\\\"{number}\\\"}}\"]}}"
        ),
        format!("{{\"command\":\"identity-import\",\"bindings\":{bad:?},\"tenures\":{tenures:?}}}"),
        format!("{{\"command\":\"identity-changes\",\"path\":{bad:?}}}"),
        "{\"command\":\"status\"}".to_owned(),
    ];
    let answers = tokio::task::spawn_blocking(move || lines.map(|line| ask(&socket, &line)).concat());
    gateway.note_north("ops", answers.await.unwrap().as_bytes());
}

fn ask(socket: &std::path::Path, line: &str) -> String {
    use std::io::{BufRead, BufReader, Write};
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    answer
}

/// A panic whose words hold a number, while the gateway's hook is in place.
fn panic_with_number(gateway: &Gateway) {
    let number = gateway.person(0).number.clone();
    let before = std::panic::take_hook();
    panic_hook(Arc::clone(gateway.telemetry()));
    let thread = std::thread::spawn(move || panic!("no subscriber {number}"));
    assert!(thread.join().is_err());
    std::panic::set_hook(before);
}
