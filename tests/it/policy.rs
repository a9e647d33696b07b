//! The objects that rules are made of, as staff meet them: over HTTP and the ops socket, two at a time, with wrong and
//! cut off requests, over restarts, `kill -9` and a full disk.

mod crash;
mod explain;
mod http;
mod import;
mod socket;
mod tokens;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::{Gateway, Plan};

/// The token of `console`.
const TOKEN: &str = "7b1f0c9e5a3d48e2b6c4f8a1d2e3f405";

/// An answer over HTTP.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// A request over HTTP, written by hand.
struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    token: Option<&'a str>,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
}

impl<'a> Ask<'a> {
    fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, token: Some(TOKEN), headers: &[], body: "" }
    }

    fn headers(self, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self { headers, ..self }
    }

    fn body(self, body: &'a str) -> Self {
        Self { body, ..self }
    }

    fn octets(&self) -> String {
        let mut text =
            format!("{} {} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n", self.method, self.path);
        if let Some(token) = self.token {
            text.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (name, value) in self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text + &format!("Content-Length: {}\r\n\r\n{}", self.body.len(), self.body)
    }

    async fn of(self, ops: SocketAddr) -> Answer {
        let mut stream = TcpStream::connect(ops).await.unwrap();
        // A body that is too long is answered before it has come.
        let _ = stream.write_all(self.octets().as_bytes()).await;
        let mut octets = Vec::new();
        let _ = stream.read_to_end(&mut octets).await;
        let answer = String::from_utf8(octets).unwrap();
        let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn etag(&self) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix("etag: "))
    }
}

/// A token file, readable by its owner.
fn token_file(path: &Path, lines: &str) {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(lines.as_bytes()).unwrap();
}

/// A gateway with an API. The token file lies in a folder of the test's own, since the gateway's is made by the plan.
async fn with_api(folder: &Path) -> Gateway {
    let path = folder.join("tokens");
    token_file(&path, &format!("console {TOKEN}\n"));
    let fragment = format!("[ops]\ntoken_file = \"{}\"\n", path.display());
    Plan::new().registered().config(&fragment).start().await
}

fn ops(gateway: &Gateway) -> SocketAddr {
    gateway.app().addresses().ops.unwrap()
}

/// An agent that is told apart by its rate.
fn agent(rate: u32) -> String {
    format!(r#"{{"level":"agent","parent":"carrier","rate_per_second":{rate}}}"#)
}

/// A line of a file: a calendar of so many days, told apart by them. A long one takes 20 octets a day.
fn calendar(id: &str, days: u32) -> String {
    let day = |n: u32| format!("\"{}-{:02}-{:02}\":\"holiday\"", 2000 + n / 336, n / 28 % 12 + 1, n % 28 + 1);
    let days: Vec<String> = (0..days).map(day).collect();
    format!(r#"{{"kind":"calendars","id":"{id}","object":{{"days":{{{}}}}}}}"#, days.join(","))
}

/// The audit records of some types.
fn audited(gateway: &Gateway, types: &[&str]) -> Vec<Value> {
    let text = fs::read_to_string(gateway.folder().join("data/audit.log")).unwrap_or_default();
    let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    records.filter(|record| types.iter().any(|each| record["type"] == *each)).collect()
}
