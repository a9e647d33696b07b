use std::path::Path;

use super::*;

const MINIMAL: &str = include_str!("../../examples/minimal.toml");
const SECOND: &str = "cost_class = 2\nnetwork = \"cmcc\"\n[[channels]]\nid = \"smsc-2\"\naddress = \"a:1\"\nsystem_id = \"\"\nnetwork = \"cmcc\"\nregion = \"east\"\n";

fn load(more: &str) -> Result<Config, String> {
    let text = format!("{MINIMAL}{SECOND}{more}");
    Config::load(Path::new("veilgate.toml"), &text).map_err(|error| error.to_string())
}

fn members(more: &str) -> Vec<(String, u8)> {
    let config = load(more).unwrap();
    let members = config.group_members(&config.channel_groups[0]);
    members.into_iter().map(|member| (member.channel.to_string(), member.priority)).collect()
}

#[test]
fn members_are_listed_or_have_the_labels() {
    let group = "[[channel_groups]]\nid = \"g\"\n";
    assert_eq!(
        members(&format!("{group}members = [{{ channel = \"smsc-2\", priority = 7 }}]\n")),
        [("smsc-2".to_owned(), 7)]
    );
    let both = [("smsc-1".to_owned(), 2), ("smsc-2".to_owned(), 0)];
    assert_eq!(members(&format!("{group}labels = {{ network = \"cmcc\" }}\n")), both);
    assert_eq!(members(&format!("{group}labels = {{ network = \"cmcc\", region = \"east\" }}\n")), both[1..]);
    assert_eq!(members(&format!("{group}labels = {{ max_cost_class = 1 }}\n")), both[1..]);
    assert_eq!(
        members(&format!("{group}members = [{{ channel = \"smsc-1\", priority = 9 }}]\nlabels = {{}}\n")),
        [("smsc-1".to_owned(), 9), ("smsc-2".to_owned(), 0)]
    );
}

#[test]
fn mistakes_are_named() {
    let group = "[[channel_groups]]\nid = \"g\"\n";
    for (more, line) in [
        (group.to_owned(), "37: channel_groups[0]: no channel: neither members nor labels name one"),
        (
            format!("{group}members = [{{ channel = \"smsc-9\" }}]\n"),
            "39: channel_groups[0].members[0].channel: there is no channel \"smsc-9\"",
        ),
        (
            format!("{group}members = [{{ channel = \"smsc-1\" }}, {{ channel = \"smsc-1\" }}]\n"),
            "39: channel_groups[0].members[1].channel: \"smsc-1\" is there twice",
        ),
        (format!("{group}members = []\n{group}"), "41: channel_groups[1].id: \"g\" is there twice"),
        (
            "[[service_numbers]]\nnumber = \"10690002\"\nenterprise = \"ent-1\"\ninbound_anchored = true\ngroup = \"g\"\n"
                .to_owned(),
            "41: service_numbers[1].group: there is no channel group \"g\"",
        ),
        (
            "[health]\nprobe_min = \"1m\"\n".to_owned(),
            "38: health.probe_min: more than probe_max",
        ),
    ] {
        assert_eq!(load(&more).unwrap_err(), format!("veilgate.toml:{line}"));
    }
}
