use proptest::prelude::*;

use super::file::{CarrierName, CdrBroken, CdrFault, CdrFile, CdrFileError, verify_cdr};
use super::parse::REASONS;
use super::*;

fn full() -> Cdr {
    let at = |text| Timestamp::parse(text).unwrap();
    Cdr {
        id: MessageId(0xdead_beef),
        kind: CdrKind::MobileTerminated,
        tenant: Some(EnterpriseId::parse("ent-1").unwrap()),
        platform: Some(PlatformId::parse("p1").unwrap()),
        account: Some(AccountId::parse("notary-a").unwrap()),
        authorization: Some(AuthorizationId::parse("au-1,\"x\"").unwrap()),
        device_id_kind: Some(DeviceIdKind::Imei),
        encrypted_device_id: Some(EncryptedDeviceId::parse("edi1.k1.AbC_-9").unwrap()),
        as_of: Some(AsOf::parse("2026-03-01").unwrap()),
        msisdn_sealed: Some(Octets::from(&[0xab, 0x01, 0xff][..])),
        service_number: Some(ServiceNumber::parse("10690001").unwrap()),
        extension: Extension { width: 2, value: 7 },
        coding: Coding::Ucs2,
        characters: 70,
        segments: 3,
        content_sm3: Some(Sm3Hash::of(b"abc")),
        channel: Some(ChannelId::parse("smsc-1").unwrap()),
        smsc_message_id: NetworkText::new(b"0A1B"),
        accepted_at: at("2026-03-01T08:00:00"),
        submitted_at: Some(at("2026-03-01T08:00:00.012")),
        responded_at: Some(at("2026-03-01T08:00:00.020")),
        done_at: at("2026-03-01T08:00:03.500"),
        raw_stat: NetworkText::new(b"DELIVRD"),
        state: FinalState::Delivered,
        reason: None,
        attempts: 1,
        billed: true,
        node: NodeName::parse("gw-1").unwrap(),
        decided: Some(Box::new(decided())),
    }
}

fn decided() -> Decided {
    let object = |name| ObjectId::parse(name).unwrap();
    Decided {
        category: Category::Marketing,
        signature: Some(object("sig-1")),
        template: Some(object("tpl-1")),
        flagged: true,
        place: Some(["四川", "成都", "联通"].map(NetworkName::new)),
        policy: 7,
        rule: NetworkText::new(b"window"),
        rule_object: Some(object("win-1")),
        charge: Some(Charged { payer: object("agent-1"), plan: object("plan-1"), amount: 45, reserved: 50 }),
    }
}

fn bare() -> Cdr {
    Cdr {
        kind: CdrKind::MobileOriginated,
        tenant: None,
        platform: None,
        account: None,
        authorization: None,
        device_id_kind: None,
        encrypted_device_id: None,
        as_of: None,
        msisdn_sealed: None,
        service_number: None,
        extension: Extension::NONE,
        content_sm3: None,
        channel: None,
        smsc_message_id: None,
        submitted_at: None,
        responded_at: None,
        raw_stat: None,
        state: FinalState::Rejected,
        reason: Some(Reason::AuthRevoked),
        segments: 0,
        characters: 0,
        billed: false,
        decided: None,
        ..full()
    }
}

fn line(cdr: &Cdr) -> String {
    let mut out = Vec::new();
    cdr.write_line(&mut out);
    String::from_utf8(out).unwrap()
}

fn closed(count: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut file = CdrFile::begin(CdrKind::MobileTerminated, &mut out);
    for index in 0..count {
        file.append(&Cdr { id: MessageId(index as u64), ..full() }, &mut out).unwrap();
    }
    let summary = file.close(&mut out);
    assert_eq!((summary.records, summary.segments), (count as u64, 3 * count as u64));
    out
}

#[test]
fn a_record_is_one_line_of_43_columns() {
    assert_eq!(
        line(&full()),
        "1,00000000deadbeef,MT,ent-1,p1,notary-a,\"au-1,\"\"x\"\"\",imei,edi1.k1.AbC_-9,2026-03-01,ab01ff,10690001,\
         07,ucs2,70,3,66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0,smsc-1,0A1B,\
         2026-03-01T08:00:00.000+08:00,2026-03-01T08:00:00.012+08:00,2026-03-01T08:00:00.020+08:00,\
         2026-03-01T08:00:03.500+08:00,DELIVRD,DELIVERED,,1,1,gw-1,\
         marketing,sig-1,tpl-1,1,四川,成都,联通,7,window,win-1,agent-1,plan-1,45,50\n"
    );
    assert_eq!(line(&bare()).matches(',').count(), COLUMNS.len() - 1);
}

#[test]
fn names_of_places_stay_in_their_column() {
    assert_eq!(NetworkName::new("四,\"川\n").as_str(), "四川");
    assert_eq!(NetworkName::new(&"川".repeat(40)).as_str().len(), 63);
}

#[test]
fn every_record_is_read_back() {
    let free = Decided { charge: None, place: None, rule: None, rule_object: None, ..decided() };
    for cdr in [full(), bare(), Cdr { decided: Some(Box::new(free)), ..full() }] {
        assert_eq!(Cdr::parse_line(line(&cdr).as_bytes()), Ok(cdr));
    }
    for reason in REASONS {
        let cdr = Cdr { reason: Some(*reason), ..bare() };
        assert_eq!(Cdr::parse_line(line(&cdr).as_bytes()), Ok(cdr));
    }
    for (state, value) in (0..9).filter_map(|v| FinalState::from_message_state(v).map(|s| (s, v))) {
        let cdr = Cdr { state, ..bare() };
        assert_eq!(Cdr::parse_line(line(&cdr).as_bytes()), Ok(cdr), "{value}");
        assert_eq!(parse::state_name(state), state.to_string());
    }
    for device_id_kind in DeviceIdKind::ALL.map(Some) {
        for coding in Coding::ALL {
            let cdr = Cdr { device_id_kind, coding, ..bare() };
            assert_eq!(Cdr::parse_line(line(&cdr).as_bytes()), Ok(cdr));
        }
    }
}

#[test]
fn a_wrong_column_is_named() {
    let good = line(&full());
    for (from, to, column) in [
        ("1,0000", "2,0000", "ver"),
        ("00000000deadbeef", "deadbeef", "cdr_id"),
        (",MT,", ",DR,", "kind"),
        ("imei", "meid", "id_type"),
        ("ab01ff", "ab01f", "msisdn_sealed"),
        ("+08:00,DELIVRD", "+08:00,DELI VRD", "raw_stat"),
        ("DELIVERED", "DELIVRD", "state"),
        (",1,1,gw-1", ",1,2,gw-1", "bill_flag"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_eq!(Cdr::parse_line(bad.as_bytes()), Err(CdrFault::Column(column)));
    }
    assert_eq!(Cdr::parse_line(b"1,2,3"), Err(CdrFault::Csv));
    assert_eq!(Cdr::parse_line(b""), Err(CdrFault::Csv));
}

#[test]
fn what_the_network_says_is_made_harmless() {
    let text = |octets: &[u8]| NetworkText::new(octets).map(|text| text.as_str().to_owned());
    assert_eq!(text(b"a\nb,c\"d e\xff"), Some("a?b?c?d?e?".to_owned()));
    assert_eq!(text(&[b'x'; 99]).map(|text| text.len()), Some(65));
    assert_eq!(text(b""), None);
    assert_eq!(format!("{:?}", NetworkText::new(b"13800138000")), "Some(NetworkText(11))");
}

#[test]
fn a_file_is_named_for_kind_carrier_minute_and_sequence() {
    let carrier = CarrierName::parse("cmcc-bj").unwrap();
    let at = Timestamp::parse("2026-02-28T16:07:59Z").unwrap();
    let name = CdrFile::name(CdrKind::MobileTerminated, &carrier, at, 10_042);
    assert_eq!(name, "ASCS_MT_cmcc-bj_202603010007_0042.csv");
    assert!(CarrierName::parse("a_b").is_err() && CarrierName::parse("../x").is_err());
}

#[test]
fn a_closed_file_verifies_and_any_change_is_found() {
    let good = closed(2);
    assert_eq!(verify_cdr(&good[..]).unwrap().records, 2);
    assert_eq!(verify_cdr(&closed(0)[..]).unwrap().records, 0);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(verify_cdr(&bad[..]).is_err(), "octet {at}");
    }
    for cut in 0..good.len() {
        assert!(verify_cdr(&good[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn the_first_bad_line_is_named() {
    let text = String::from_utf8(closed(5)).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let broken = |lines: &[&str]| verify_cdr(lines.concat().as_bytes()).unwrap_err();
    let (line, fault) = (6, CdrFault::Trailer);
    assert_eq!(broken(&[&lines[..3], &lines[4..]].concat()), CdrBroken { line, fault });
    assert_eq!(broken(&lines[1..]), CdrBroken { line: 1, fault: CdrFault::Header });
    assert_eq!(broken(&lines[..6]), CdrBroken { line: 7, fault: CdrFault::NoTrailer });
    let twice = [&lines[..], &lines[3..4]].concat();
    assert_eq!(broken(&twice), CdrBroken { line: 8, fault: CdrFault::AfterTrailer });
    assert_eq!(broken(&[]), CdrBroken { line: 0, fault: CdrFault::Header });
    let long = "x".repeat(10_000);
    assert_eq!(broken(&[lines[0], &long, "\n"]), CdrBroken { line: 2, fault: CdrFault::Csv });
}

#[test]
fn a_file_takes_records_of_its_kind_only() {
    let mut out = Vec::new();
    let mut file = CdrFile::begin(CdrKind::MobileTerminated, &mut out);
    let before = out.clone();
    assert_eq!(file.append(&bare(), &mut out), Err(CdrFileError::Kind));
    assert_eq!(out, before);
}

#[test]
fn a_file_whose_writer_died_is_taken_up_where_it_is_whole() {
    let closed = closed(5);
    let lines: Vec<&[u8]> = closed.split_inclusive(|byte| *byte == b'\n').collect();
    let open = lines[..6].concat();
    for torn in [0, 1, 100] {
        let mut found = open.clone();
        found.extend_from_slice(&lines[5][..torn]);
        let (file, whole) = CdrFile::recover(CdrKind::MobileTerminated, &mut &found[..]).unwrap().unwrap();
        assert_eq!((whole, file.records()), (open.len() as u64, 5));
        found.truncate(usize::try_from(whole).unwrap());
        file.close(&mut found);
        assert_eq!(found, closed);
    }
    let recover = |bytes: &[u8]| CdrFile::recover(CdrKind::MobileTerminated, &mut &bytes[..]);
    assert!(recover(&closed).unwrap().is_none());
    for torn in [&b""[..], b"ver,cdr"] {
        let (file, whole) = recover(torn).unwrap().unwrap();
        assert_eq!((file.records(), whole), (0, 0));
    }
    assert!(recover(b"something else\n").is_err() && recover(b"something else").is_err());
    assert!(recover(&[&open[..], b"1,2,3\n"].concat()).is_err());
    assert!(recover(&[&open[..], &[b'x'; 9000]].concat()).is_err());
    assert!(recover(&[&closed[..], b"1"].concat()).is_err());
    assert!(CdrFile::recover(CdrKind::MobileOriginated, &mut &open[..]).is_err());
}

#[test]
fn a_closed_file_is_known_by_its_end() {
    let tail = usize::try_from(CdrFile::TAIL).unwrap();
    for count in [0, 1, 5] {
        let closed = closed(count);
        assert!(CdrFile::is_closed(&closed) && CdrFile::is_closed(&closed[closed.len() - tail..]));
        for cut in closed.len() - 120..closed.len() {
            assert!(!CdrFile::is_closed(&closed[..cut]), "cut at {cut}");
        }
    }
    let trailer = format!("TRAILER,1,2,{}\n", Sm3Hash::of(b""));
    assert!(CdrFile::is_closed(format!("x\n{trailer}").as_bytes()));
    assert!(!CdrFile::is_closed(trailer.as_bytes()));
    assert!(!CdrFile::is_closed(format!("x\n{trailer}x\n").as_bytes()));
    assert!(!CdrFile::is_closed(b"x\nTRAILER,1,,\n") && !CdrFile::is_closed(b""));
}

#[test]
fn ids_are_read_without_the_rest_of_a_line() {
    for cdr in [full(), bare()] {
        assert_eq!(Cdr::id_of_line(line(&cdr).as_bytes()), Some(cdr.id));
        let cut = line(&cdr);
        assert_eq!(Cdr::id_of_line(cut.trim_end().as_bytes()), Some(cdr.id));
    }
    let text = String::from_utf8(closed(2)).unwrap();
    let ids: Vec<_> = text.lines().filter_map(|line| Cdr::id_of_line(line.as_bytes())).collect();
    assert_eq!(ids, [MessageId(0), MessageId(1)]);
    for bad in ["", "1", "1,", "2,00000000deadbeef,MT", "1,deadbeef,MT", "1,\"00000000deadbeef\",MT"] {
        assert_eq!(Cdr::id_of_line(bad.as_bytes()), None, "{bad}");
    }
}

#[test]
fn recovery_needs_only_the_outline_of_a_line() {
    assert_eq!((COLUMNS[2], COLUMNS[15]), ("kind", "segments"));
    for cdr in [full(), bare()] {
        assert_eq!(parse::outline(line(&cdr).trim_end().as_bytes()), Ok((cdr.kind, cdr.segments)));
    }
    let good = line(&full());
    let wrong = |from: &str, to: &str| parse::outline(good.replacen(from, to, 1).trim_end().as_bytes());
    assert_eq!(wrong(",MT,", ",DR,"), Err(CdrFault::Column("kind")));
    assert_eq!(wrong(",70,3,", ",70,x,"), Err(CdrFault::Column("segments")));
    assert_eq!(wrong(",gw-1", ""), Err(CdrFault::Csv));
}

proptest! {
    #[test]
    fn any_record_is_read_back(
        id in any::<u64>(), authorization in "[!-~]{1,64}", account in "[!-~]{1,15}",
        sealed in prop::option::of(prop::collection::vec(any::<u8>(), 1..256)),
        smsc in prop::collection::vec(any::<u8>(), 0..80), at in -62_000_000_000_000_i64..250_000_000_000_000,
        width in 0_u8..=6, value in 0_u32..1_000_000, characters in any::<u32>(), segments in any::<u16>(),
    ) {
        let cdr = Cdr {
            id: MessageId(id),
            authorization: Some(AuthorizationId::parse(&authorization).unwrap()),
            account: Some(AccountId::parse(&account).unwrap()),
            msisdn_sealed: sealed.map(Octets::from),
            smsc_message_id: NetworkText::new(&smsc),
            accepted_at: Timestamp(at),
            as_of: Some(AsOf::At(Timestamp(at))),
            extension: Extension { width, value: value % 10_u32.pow(width.into()) },
            characters,
            segments,
            ..full()
        };
        let text = line(&cdr);
        prop_assert_eq!(parse::outline(text.trim_end().as_bytes()), Ok((cdr.kind, cdr.segments)));
        prop_assert_eq!(Cdr::id_of_line(text.as_bytes()), Some(cdr.id));
        prop_assert_eq!(Cdr::parse_line(text.as_bytes()), Ok(cdr));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Cdr::parse_line(&bytes);
        let _ = verify_cdr(&bytes[..]);
        let _ = CdrFile::recover(CdrKind::MobileTerminated, &mut &bytes[..]);
        let _ = (CdrFile::is_closed(&bytes), Cdr::id_of_line(&bytes), parse::outline(&bytes));
    }
}
