//! The tables that say where numbers are at home, as staff meet them: imported while traffic runs, refused whole, kept.

use std::fs;
use std::path::PathBuf;

use veilgate::admin::{Request, Response, TableStatus};
use veilgate_simulators::esme::{Recipient, Submission};

use crate::gateway::{Gateway, Plan};

const SEGMENTS: &str = "first,last,province,city,area_code,operator\n";
const PORTED: &str = "msisdn,operator\n";

fn file(gateway: &Gateway, name: &str, text: &str) -> PathBuf {
    let path = gateway.folder().join("feed").join(name);
    fs::write(&path, text).unwrap();
    path
}

async fn taken(gateway: &Gateway, request: Request) -> TableStatus {
    match gateway.ops(request).await {
        Response::TableImported(table) => table,
        other => panic!("{other:?}"),
    }
}

async fn refused(gateway: &Gateway, request: Request) -> String {
    match gateway.ops(request).await {
        Response::Refused(refusal) => refusal.error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_taken_whole_and_kept() {
    let mut gateway = Plan::new().registered().start().await;
    let shop = gateway.bind("shop").await;
    let shipped = gateway.status().await.places.segments;
    assert_eq!((shipped.rows, shipped.version.len()), (499_527, 16));

    let wrong = format!("{SEGMENTS}1990000,1990009,四川,成都,028,移动\n1990009,1990010,四川,成都,028,移动\n");
    let path = file(&gateway, "segments.csv", &wrong);
    let error = refused(&gateway, Request::SegmentsImport { path }).await;
    assert_eq!(error, "line 3, column first: a segment stands twice");
    let path = file(&gateway, "ported.csv", &format!("{PORTED}{},联通\n", &gateway.person(0).number[1..]));
    let error = refused(&gateway, Request::PortabilityImport { path }).await;
    assert_eq!(error, "line 2, column msisdn: not a mainland mobile number");
    let path = gateway.folder().join("feed").join("none.csv");
    assert_eq!(refused(&gateway, Request::SegmentsImport { path }).await, "the file cannot be read");
    let status = gateway.status().await.places;
    assert_eq!((&status.segments, status.portability.rows), (&shipped, 0), "nothing changed");

    let path = file(&gateway, "segments.csv", &format!("{SEGMENTS}1995460,1995469,四川,成都,028,移动\n"));
    let segments = taken(&gateway, Request::SegmentsImport { path }).await;
    let path = file(&gateway, "ported.csv", &format!("{PORTED}{},联通\n", gateway.person(0).number));
    let ported = taken(&gateway, Request::PortabilityImport { path }).await;
    assert_eq!((segments.rows, ported.rows), (10, 1));
    let person = gateway.person(0);
    let submission =
        Submission::new(person.service_number(), Recipient::pseudonym(&person.pseudonym), "hello");
    shop.accepted(&submission).await;
    assert_eq!(gateway.metric("veilgate_imports_total{kind=\"segments\"}").await, Some(1.0));
    gateway.settled().await;

    gateway.restart().await;
    let status = gateway.status().await.places;
    assert_eq!((status.segments, status.portability), (segments, ported), "a restart has them");
    let audit = fs::read_to_string(gateway.config().audit_file()).unwrap();
    for (event, count) in [("places_imported", 2), ("places_refused", 3)] {
        assert_eq!(audit.matches(&format!("\"type\":\"{event}\"")).count(), count, "{event}");
    }
    gateway.stop().await;
}
