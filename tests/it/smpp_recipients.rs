//! Who a submit is for: the forms of interfaces.md section 4 and the reason codes of section 6, by account kind.

use veilgate::admin::Request;
use veilgate_names::AuthorizationId;
use veilgate_notary::SecretKey;

use crate::smpp_raw::*;
use crate::smpp_stage::*;

/// Interfaces 4: every form reaches the same person.
#[tokio::test]
async fn every_form_names_the_same_person() {
    let stage = Stage::plain().await;
    let mut link = stage.link().await;
    let mut notary = stage.bound("notary").await;
    let mut shop = stage.bound("shop").await;
    let person = &stage.people[0];
    let (alias, id, device) =
        (person.pseudonym.as_bytes(), person.authorization.as_bytes(), person.edi.as_bytes());
    let short = short_form(person);
    let with_nul = [id, b"\0"].concat();
    let forms = [
        Message::to(&person.pseudonym, "0"),
        Message::by_tlvs("1", &[(PSEUDONYM, alias)]),
        Message::by_tlvs("2", &[(AUTHORIZATION_ID, id)]),
        Message::by_tlvs("3", &[(EDI, device), (AUTHORIZATION_ID, id)]),
        Message::by_tlvs("4", &[(AUTHORIZATION_ID, &with_nul)]),
        short.clone(),
    ];
    for (index, form) in forms.iter().enumerate() {
        notary.accepted(form).await;
        assert_eq!(link.took(&index.to_string()).await.destination(), person.number);
        if index < 2 {
            shop.accepted(form).await;
            assert_eq!(link.took(&format!("shop-{index}")).await.destination(), person.number);
        } else {
            shop.refused(form, 0x400, "2002").await;
        }
    }
    // As data_sm, too, and with a TLV that nobody knows: it goes nowhere.
    let data = notary.call(DATA_SM, Message::by_tlvs("x", &[(PSEUDONYM, alias)]).data_body()).await;
    assert_eq!(data.status, 0);
    link.took("data").await;
    shop.accepted(&Message::to(&person.pseudonym, "tlv").with(0x1666, b"19900000009")).await;
    let seen = link.took("tlv").await;
    assert!(seen.tlvs.is_empty(), "{:?}", seen.tlvs);
}

fn short_form(person: &Person) -> Message {
    Message::by_tlvs(
        "short form",
        &[
            (EDI, person.edi.as_bytes()),
            (PSEUDONYM, person.pseudonym.as_bytes()),
            (AUTHORIZATION_ID, person.authorization.as_bytes()),
            (AS_OF, b"20260301"),
            (ENTERPRISE, b"ent-1"),
        ],
    )
}

/// Interfaces 4: TLVs that are missing, wrong or do not belong together.
#[tokio::test]
async fn recipients_that_are_none_are_refused() {
    let stage = Stage::plain().await;
    let mut notary = stage.bound("notary").await;
    let mut shop = stage.bound("shop").await;
    let (one, other) = (&stage.people[0], &stage.people[1]);
    for peer in [&mut notary, &mut shop] {
        peer.refused(&Message::by_tlvs("nobody", &[]), 0x0b, "1001").await;
        peer.refused(&Message::to("Unknown-1", "who"), 0x401, "3001").await;
        peer.refused(&Message::to("short", "who"), 0x0b, "1001").await;
        peer.refused(&Message::to("has blank!", "who"), 0x0b, "1001").await;
        peer.refused(&Message::by_tlvs("who", &[(PSEUDONYM, b"\xff\xfe invalid")]), 0xc4, "1001").await;
    }
    let unknown = Message::by_tlvs("x", &[(AUTHORIZATION_ID, b"au-nobody")]);
    notary.refused(&unknown, 0x401, "3001").await;
    let foreign = Message::by_tlvs(
        "x",
        &[(EDI, other.edi.as_bytes()), (AUTHORIZATION_ID, one.authorization.as_bytes())],
    );
    notary.refused(&foreign, 0x404, "3004").await;
    let only_device = Message::by_tlvs("x", &[(EDI, one.edi.as_bytes())]);
    notary.refused(&only_device, 0xc3, "1001").await;
    let whole = short_form(one);
    for missing in [EDI, PSEUDONYM, AUTHORIZATION_ID, AS_OF, ENTERPRISE] {
        let mut part = whole.clone();
        part.tlvs.retain(|(tag, _)| *tag != missing);
        notary.refused(&part, 0xc3, "1001").await;
    }
    for (tag, value) in
        [(EDI, &b"no device ID"[..]), (AS_OF, b"2026-3-1"), (AS_OF, b"20261340"), (ENTERPRISE, b"")]
    {
        let mut wrong = whole.clone();
        wrong.tlvs.retain(|(found, _)| *found != tag);
        notary.refused(&wrong.with(tag, value), 0xc4, "1001").await;
    }
    let mut future = whole.clone();
    future.tlvs.retain(|(tag, _)| *tag != AS_OF);
    let refused = notary.submit(&future.with(AS_OF, b"20991231")).await;
    assert_eq!(refused.reason().as_deref(), Some("1001"), "{refused:?}");
    notary.accepted(&whole).await;
    // Whose number it is.
    let mut elsewhere = Message::to(&one.pseudonym, "x");
    elsewhere.source.2 = "10690099".to_owned();
    notary.refused(&elsewhere, 0x0a, "5011").await;
    shop.refused(&elsewhere, 0x0a, "5011").await;
    elsewhere.source.2 = String::new();
    shop.accepted(&elsewhere).await;
}

/// Interfaces 6: a notary is told why a person cannot be reached, an enterprise only that.
#[tokio::test]
async fn reasons_depend_on_the_kind_of_account() {
    let stage = Stage::plain().await;
    let mut notary = stage.bound("notary").await;
    let mut shop = stage.bound("shop").await;
    let mut altered = edi("zxid", "dev-moved");
    let last = altered.pop().unwrap();
    altered.push(if last == 'A' { 'Q' } else { 'A' });
    let cases = [
        ("gone", edi("zxid", "dev-unheard-of"), 0x406, "4000"),
        ("moved", edi("zxid", "dev-moved"), 0x408, "4003"),
        ("ported", edi("zxid", "dev-ported"), 0x409, "4004"),
        ("suspended", edi("zxid", "dev-suspended"), 0x406, "4000"),
        ("altered", altered, 0x407, "4001"),
        ("otherkey", edi("zxid", "dev-moved").replace("edi1.k1.", "edi1.k9."), 0x407, "4001"),
    ];
    for (name, device, status, reason) in cases {
        let person = Person {
            pseudonym: format!("alias-{name}"),
            authorization: format!("au-{name}"),
            edi: device,
            number: String::new(),
        };
        notary.refused(&short_form(&person), status, reason).await;
        notary.refused(&Message::to(&person.pseudonym, "by alias"), status, reason).await;
        shop.refused(&Message::to(&person.pseudonym, "by alias"), 0x406, "4000").await;
    }
    let person = &stage.people[0];
    shop.accepted(&Message::to(&person.pseudonym, "still fine")).await;
    let authorization_ids = vec![AuthorizationId::parse(&person.authorization).unwrap()];
    stage.ops(Request::Revoke { authorization_ids }).await;
    for peer in [&mut notary, &mut shop] {
        peer.refused(&Message::to(&person.pseudonym, "revoked"), 0x403, "3003").await;
    }
}

/// What a notary signs, by the letter of interfaces.md section 2.
struct Signed {
    fields: serde_json::Value,
}

impl Signed {
    fn new(person: &Person, id: &str) -> Self {
        Self {
            fields: serde_json::json!({
                "authorization_id": id, "enterprise_id": "ent-1", "pseudonym": format!("signed-{id}"),
                "encrypted_device_ids": [person.edi], "as_of": "2026-03-01",
                "not_before": "2026-03-01T00:00:00Z", "expires_at": "2036-12-31T16:00:00Z",
                "services": ["sms", "voice"], "evidence_hash": "ab".repeat(32),
            }),
        }
    }

    fn set(mut self, key: &str, value: serde_json::Value) -> Self {
        self.fields[key] = value;
        self
    }

    fn sign(self, key: &SecretKey) -> Self {
        let text = |key: &str| match &self.fields[key] {
            serde_json::Value::Array(list) => {
                list.iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join(",")
            }
            other => other.as_str().unwrap().to_owned(),
        };
        let order = [
            "authorization_id",
            "enterprise_id",
            "pseudonym",
            "encrypted_device_ids",
            "as_of",
            "not_before",
            "expires_at",
            "services",
            "evidence_hash",
        ];
        let signed = order.map(text).join("\n");
        let proof = key.sign(signed.as_bytes()).unwrap().to_base64();
        self.set("proof", proof.into())
    }

    fn message(&self) -> Message {
        Message::by_tlvs("whole", &[(AUTHORIZATION, self.fields.to_string().as_bytes())])
    }
}

/// Interfaces 2 and 4: a whole authorization comes along, signed: it is registered and the message sent; altered or
/// unsigned it is refused before anything is looked up.
#[tokio::test]
async fn a_signed_authorization_comes_along() {
    let key = SecretKey::from_bytes(&[0x42; 32]).unwrap();
    let public = key.public_key().to_hex();
    let stage = Stage::set(Plan { key: Some(&public), ..Plan::default() }).await;
    let mut link = stage.link().await;
    let mut strict = stage.bound("strict").await;
    let mut shop = stage.bound("shop").await;
    let person = &stage.people[0];
    let good = || Signed::new(person, "sig-1");
    strict.refused(&good().message(), 0x405, "3005").await;
    let altered = good().sign(&key).set("pseudonym", "signed-other".into());
    strict.refused(&altered.message(), 0x405, "3005").await;
    let longer = good().sign(&key).set("expires_at", "2037-12-31T16:00:00Z".into());
    strict.refused(&longer.message(), 0x405, "3005").await;
    let other_key = SecretKey::from_bytes(&[0x43; 32]).unwrap();
    strict.refused(&good().sign(&other_key).message(), 0x405, "3005").await;
    strict.refused(&good().set("proof", "AAAA".into()).message(), 0xc4, "1001").await;
    strict.refused(&short_form(person), 0x400, "2002").await;
    shop.refused(&Message::to("signed-sig-1", "not registered yet"), 0x401, "3001").await;
    let whole = good().sign(&key).message();
    for round in ["first", "again"] {
        strict.accepted(&whole).await;
        assert_eq!(link.took(round).await.destination(), person.number);
    }
    shop.accepted(&Message::to("signed-sig-1", "registered")).await;
    strict.accepted(&Message::by_tlvs("by id", &[(AUTHORIZATION_ID, b"sig-1")])).await;
    shop.refused(&whole, 0x400, "2002").await;
    // Another platform's authorization is nobody's.
    let mut notary = stage.bound("notary").await;
    notary.refused(&Message::by_tlvs("by id", &[(AUTHORIZATION_ID, b"sig-1")]), 0x401, "3001").await;
}

/// Interfaces 2 and 6: what an authorization says decides.
#[tokio::test]
async fn an_authorization_covers_what_it_says() {
    let stage = Stage::plain().await;
    let mut notary = stage.bound("notary").await;
    let person = &stage.people[0];
    let cases = [
        ("expires_at", serde_json::json!("2026-04-01T00:00:00Z"), 0x402, "3002"),
        ("not_before", serde_json::json!("2036-01-01T00:00:00Z"), 0x402, "3002"),
        ("services", serde_json::json!(["voice"]), 0x404, "3004"),
        ("service_numbers", serde_json::json!(["10690002"]), 0x404, "3004"),
    ];
    for (key, value, status, reason) in cases {
        let whole = Signed::new(person, &format!("cov-{key}")).set(key, value);
        notary.refused(&whole.message(), status, reason).await;
    }
    for (key, value) in [
        ("unknown_field", serde_json::json!(1)),
        ("as_of", serde_json::json!(20_260_301)),
        ("pseudonym", serde_json::json!("19900000000")),
        ("services", serde_json::json!(["fax"])),
        ("encrypted_device_ids", serde_json::json!([])),
        ("evidence_hash", serde_json::json!("short")),
    ] {
        let refused = notary.submit(&Signed::new(person, "bad-1").set(key, value).message()).await;
        let reason = refused.reason().unwrap();
        assert!(refused.status != 0 && ["1001", "1003"].contains(&&*reason), "{key}: {refused:?}");
    }
    let no_json = Message::by_tlvs("x", &[(AUTHORIZATION, b"{\"authorization_id\":")]);
    let refused = notary.submit(&no_json).await;
    assert!(refused.status != 0 && refused.reason().as_deref() == Some("1001"), "{refused:?}");
    notary.accepted(&Signed::new(person, "cov-ok").message()).await;
}
