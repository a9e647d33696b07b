//! What must hold for any template, whatever is put into it and whatever text is said to be made of it.

use veilgate_names::{Category, EnterpriseId, ObjectId, Service, ServiceNumber, Timestamp};
use veilgate_policy::{
    ApprovalState, Content, Kind, Object, Objects, Question, Requirement, Rule, Template, Tree,
};

/// Takes the first line as a template in JSON, the second as params, the rest as a text.
pub(crate) fn check(input: &[u8]) {
    let mut lines = input.splitn(3, |octet| *octet == b'\n');
    let (json, params, text) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    let (Ok(params), Ok(text)) = (std::str::from_utf8(params), std::str::from_utf8(text)) else { return };
    let (Ok(id), Ok(carrier)) = (ObjectId::parse("t1"), ObjectId::parse("carrier")) else { return };
    let object = match Object::parse(Kind::Template, &id, json) {
        Ok(object) => object,
        Err(mistake) => return drop(format!("{mistake} {mistake:?}")),
    };
    assert!(Object::parse(Kind::Template, &id, &object.to_json()).as_ref() == Ok(&object));
    let Object::Template(template) = object else { return };
    let usable = Template {
        tenant: carrier,
        signature: None,
        state: ApprovalState::Approved,
        carrier_approved: true,
        notary_approved: true,
        ..(*template).clone()
    };
    let mut objects = Objects::default();
    objects.put(id.clone(), Object::Template(usable.into()));
    let tree = Tree::compile(&objects).unwrap();
    let content = Content::compile(&objects, &tree, None).unwrap();
    let enterprise = EnterpriseId::parse("e1").unwrap();
    let chain = tree.chain(&enterprise);
    let fits = |text: &str, template: Option<&ObjectId>, params: Option<&str>| {
        let number = ServiceNumber::parse("10690001").unwrap();
        let question = Question {
            service: Service::Sms,
            enterprise: &enterprise,
            number,
            text: Some(text),
            template,
            params,
            segments: 1,
        };
        let requirements = (Requirement::Off, Requirement::Required);
        let judged = content.judge(&question, chain, requirements, Category::Notice, Timestamp(0));
        judged.finding.is_none_or(|finding| finding.rule != Rule::Template)
    };
    let made = content.render(&id, Some(params), chain);
    if let Ok(made) = &made {
        assert!(fits(made, Some(&id), Some(params)), "what was made is what it says");
        assert!(fits(made, Some(&id), None) && fits(made, None, None), "what was made is recognized");
    }
    // A template that names no signature fits with any.
    if !params.is_empty() && !text.contains('【') && fits(text, Some(&id), Some(params)) {
        assert!(made.is_ok_and(|made| made == text), "only what would be made fits");
    }
    assert!(!fits(text, None, None) || fits(text, Some(&id), None), "what is recognized fits");
}
