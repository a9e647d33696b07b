use super::*;
use crate::content::tests::tree;

const CHAIN: Chain<'static> = Chain(&[TenantIndex(2), TenantIndex(1), TenantIndex(0)]);
const NOW: Timestamp = Timestamp(1_000);

fn id(name: &str) -> ObjectId {
    ObjectId::parse(name).unwrap()
}

fn number(digits: &str) -> ServiceNumber {
    ServiceNumber::parse(digits).unwrap()
}

fn signature(text: &str, tenant: &str) -> Signature {
    Signature {
        text: text.to_owned(),
        tenant: id(tenant),
        numbers: Vec::new(),
        state: ApprovalState::Approved,
        position: Position::Head,
        from: None,
        until: None,
        rate_per_second: None,
        burst: None,
    }
}

fn compiled(signatures: impl IntoIterator<Item = (&'static str, Signature)>) -> Signatures {
    let mut table = Table::default();
    for (name, signature) in signatures {
        signature.check(&id(name)).unwrap();
        table.put(id(name), signature.into());
    }
    Signatures::compile(&table, &tree()).unwrap()
}

fn judge<'a>(signatures: &'a Signatures, text: &str) -> Result<Option<&'a str>, Option<&'a str>> {
    let name = |id: Option<&'a ObjectId>| id.map(ObjectId::as_str);
    signatures.judge(Signed::of(text), CHAIN, &number("10690001"), NOW).map(name).map_err(name)
}

#[test]
fn exactly_one_registered_signature_passes() {
    let signatures = compiled([("s1", signature("某某银行", "e1")), ("s2", signature("别家银行", "e2"))]);
    assert_eq!(judge(&signatures, "【某某银行】您好"), Ok(Some("s1")));
    assert_eq!(judge(&signatures, "您好"), Ok(None));
    for text in [
        "【某某银行】您好【某某银行】",
        "【某某银行】【某某银行】您好",
        "【某某银行】您【好",
        "【某某银行】您】好",
        "【某某银行】您︻好",
        "您【某某银行】好",
        "您好【某某银行】",
        "【某某银行您好",
        "某某银行】您好",
        "】某某银行【您好",
        "【】您好",
        "【某某】您好",
        "【某某银行 】您好",
        "︻某某银行︼您好",
        "【别家银行】您好",
        " 【某某银行】您好",
        "【",
        "】",
        "【】",
    ] {
        assert!(judge(&signatures, text).is_err(), "{text}");
    }
}

#[test]
fn a_signature_has_its_place() {
    let at = |position| Signature { position, ..signature("某某银行", "e1") };
    for (position, head, tail) in
        [(Position::Head, true, false), (Position::Tail, false, true), (Position::Either, true, true)]
    {
        let signatures = compiled([("s1", at(position))]);
        assert_eq!(judge(&signatures, "【某某银行】您好").is_ok(), head, "{position:?}");
        assert_eq!(judge(&signatures, "您好【某某银行】").is_ok(), tail, "{position:?}");
        assert!(judge(&signatures, &at(position).sign("您好")).is_ok());
    }
}

#[test]
fn only_the_tenant_and_those_below_may_use_it() {
    for (owner, is_allowed) in [("carrier", true), ("agent", true), ("e1", true), ("e2", false)] {
        let signatures = compiled([("s1", signature("某某银行", owner))]);
        let expected = if is_allowed { Ok(Some("s1")) } else { Err(None) };
        assert_eq!(judge(&signatures, "【某某银行】您好"), expected, "{owner}");
    }
    let both = compiled([("a", signature("某某银行", "e2")), ("b", signature("某某银行", "e1"))]);
    assert_eq!(judge(&both, "【某某银行】您好"), Ok(Some("b")), "two may have the same text");
    let nearer = compiled([
        ("a", signature("某某银行", "carrier")),
        ("b", signature("某某银行", "e1")),
        ("c", signature("某某银行", "e1")),
        ("d", signature("某某银行", "agent")),
    ]);
    assert_eq!(judge(&nearer, "【某某银行】您好"), Ok(Some("b")), "the tenant's own before those above");
}

#[test]
fn only_approved_ones_count_for_their_numbers_and_time() {
    use ApprovalState::{Draft, Rejected, Submitted, Suspended};
    for state in [Draft, Submitted, Rejected, Suspended] {
        let signatures = compiled([("s1", Signature { state, ..signature("某某银行", "e1") })]);
        assert_eq!(judge(&signatures, "【某某银行】您好"), Err(Some("s1")), "{state:?}");
    }
    let bound = |numbers: &[&str]| Signature {
        numbers: numbers.iter().map(|digits| number(digits)).collect(),
        ..signature("某某银行", "e1")
    };
    assert!(judge(&compiled([("s1", bound(&["10690009", "10690001"]))]), "【某某银行】").is_ok());
    assert!(judge(&compiled([("s1", bound(&["10690002"]))]), "【某某银行】").is_err());
    for (from, until, is_allowed) in [
        (Some(1_000), None, true),
        (Some(1_001), None, false),
        (None, Some(1_001), true),
        (None, Some(1_000), false),
    ] {
        let limited = Signature {
            from: from.map(Timestamp),
            until: until.map(Timestamp),
            ..signature("某某银行", "e1")
        };
        assert_eq!(judge(&compiled([("s1", limited)]), "【某某银行】您好").is_ok(), is_allowed);
    }
}

#[test]
fn bad_objects_are_refused_by_field() {
    let problem = |signature: Signature| signature.check(&id("s1")).unwrap_err().field;
    for text in [
        "",
        "银",
        "一二三四五六七八九十一二三四五六七",
        "某[行",
        "某］行",
        "【某行",
        "某︼行",
        " 某行",
        "某\n行",
    ] {
        assert_eq!(problem(signature(text, "e1")), "text", "{text}");
    }
    assert!(signature("一二三四五六七八九十一二三四五六", "e1").check(&id("s1")).is_ok());
    let at = Some(Timestamp(5));
    assert_eq!(problem(Signature { from: at, until: at, ..signature("某行", "e1") }), "until");
    let mut table = Table::default();
    table.put(id("s1"), signature("某行", "nobody").into());
    assert_eq!(Signatures::compile(&table, &tree()).unwrap_err().field, "tenant");
}

#[test]
fn a_text_is_taken_apart_at_either_end() {
    let (signature, body) = ("甲乙", "丙丁");
    assert_eq!(Signed::of("【甲乙】丙丁"), Signed::Once { signature, body, position: Position::Head });
    assert_eq!(Signed::of("丙丁【甲乙】"), Signed::Once { signature, body, position: Position::Tail });
    assert_eq!(Signed::of("【甲乙】"), Signed::Once { signature, body: "", position: Position::Head });
    assert_eq!(Signed::of("丙丁"), Signed::No);
    assert_eq!(Signed::of(""), Signed::No);
}
