use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;

const FIRST: &str = "0123456789abcdef0123456789abcdef";
const SECOND: &str = "fedcba9876543210fedcba9876543210";

fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

fn source() -> IpAddr {
    "127.0.0.1".parse().unwrap()
}

fn at(seconds: u64) -> Monotonic {
    crate::clock::mono().plus(Duration::from_secs(seconds))
}

#[test]
fn a_token_is_known_by_its_name_and_nothing_else_is() {
    let (_folder, path) = file(&format!("# staff\n\nzhang {FIRST}\nconsole {SECOND}\n"), 0o600);
    let tokens = Tokens::read(&path).unwrap();
    let access = |token: &str| tokens.access(Some(token.as_bytes()), source(), at(0));
    assert_eq!(access(FIRST), Access::Granted(ActorName::parse("zhang").unwrap()));
    assert_eq!(access(SECOND), Access::Granted(ActorName::parse("console").unwrap()));
    let first_less_one: String = FIRST.chars().skip(1).collect();
    for wrong in ["", &first_less_one, &format!("{FIRST}0"), &format!("zhang {FIRST}"), &"x".repeat(10_000)] {
        assert_eq!(access(wrong), Access::Refused, "{wrong}");
    }
    assert_eq!(tokens.access(None, source(), at(0)), Access::Refused);
}

#[test]
fn wrong_files_are_named_by_line() {
    for (text, line) in [
        (format!("zhang {FIRST}\nli short\n"), 2),
        (format!("zhang{FIRST}\n"), 1),
        (format!("86138 {FIRST}\n"), 1),
        (format!("zhang {FIRST}\nli {FIRST}\n"), 2),
        (format!("zhang {FIRST}\nzhang {SECOND}\n"), 2),
        ("# nobody\n".to_owned(), 0),
    ] {
        let (_folder, path) = file(&text, 0o600);
        let Err(TokenError::Line { line: told, .. }) = Tokens::read(&path) else { panic!("{text}") };
        assert_eq!(told, line, "{text}");
    }
    let (_folder, path) = file(&format!("zhang {FIRST}\n"), 0o640);
    assert!(matches!(Tokens::read(&path), Err(TokenError::Open(_))));
    assert!(matches!(Tokens::read(Path::new("/nowhere/at/all")), Err(TokenError::File { .. })));
}

#[test]
fn guessing_locks_a_source_out_for_a_while_and_no_other() {
    let (_folder, path) = file(&format!("zhang {FIRST}\n"), 0o600);
    let tokens = Tokens::read(&path).unwrap();
    let start = at(0);
    for _ in 1..MAX_FAILURES {
        assert_eq!(tokens.access(Some(b"wrong"), source(), start), Access::Refused);
    }
    assert_eq!(tokens.access(Some(b"wrong"), source(), start), Access::Locked);
    assert_eq!(tokens.access(Some(FIRST.as_bytes()), source(), start), Access::LockedOut);
    let other = "192.0.2.1".parse().unwrap();
    assert!(matches!(tokens.access(Some(FIRST.as_bytes()), other, start), Access::Granted(_)));
    let later = start.plus(LOCKOUT);
    assert!(matches!(tokens.access(Some(FIRST.as_bytes()), source(), later), Access::Granted(_)));
    assert_eq!(tokens.access(Some(b"wrong"), source(), later), Access::Refused, "counted from one again");
}

#[test]
fn a_file_read_again_replaces_the_tokens_or_leaves_them() {
    let (_folder, path) = file(&format!("zhang {FIRST}\n"), 0o600);
    let tokens = Tokens::read(&path).unwrap();
    fs::write(&path, "nonsense\n").unwrap();
    assert!(tokens.replace(&path).is_err());
    assert!(matches!(tokens.access(Some(FIRST.as_bytes()), source(), at(0)), Access::Granted(_)));
    fs::write(&path, format!("zhang {SECOND}\n")).unwrap();
    tokens.replace(&path).unwrap();
    assert_eq!(tokens.access(Some(FIRST.as_bytes()), source(), at(0)), Access::Refused);
}
