//! Objects over HTTP, on the ops listener, for whoever has a token. `openapi.rs` describes what is here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use veilgate_ledger::{Actor, ActorName, AuditEvent};
use veilgate_policy::{Effect, Expected, Import, Kind, LineMistake, MAX_CHANGE_OCTETS, Object};

use super::change::{Asked, Author, Cause, Refusal};
use super::command::{csv, page, place, replaced, single, unknown};
use super::openapi;
use super::shown::{ShownChange, ShownKind, ShownMistake, ShownObject, ShownRevision};
use super::tokens::{Access, Tokens};
use crate::app::App;
use crate::clock;
use crate::telemetry::events::OpsTokenRefused;

/// Octets of a request's body at most, where it is one object.
const MAX_BODY: usize = 1 << 20;
/// How long a request's body may take.
const BODY_TIME: Duration = Duration::from_secs(60);
/// How long an answer may take.
const ANSWER_TIME: Duration = Duration::from_secs(110);
/// Imports that are taken in at a time.
const IMPORTS: usize = 1;
/// Objects on a page: by itself, and at most.
const PAGE: (usize, usize) = (100, 1000);

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

#[derive(Clone)]
struct Shared {
    app: Arc<App>,
    tokens: Arc<Tokens>,
    imports: Arc<Semaphore>,
}

/// Whether an object must be there, as the headers say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Precondition {
    /// Nothing is said.
    None,
    /// `If-None-Match: *`.
    Absent,
    /// `If-Match: *`.
    Present,
    /// `If-Match: "7"`.
    Version(u64),
}

/// What is wrong, as it is answered.
#[derive(Serialize)]
struct Wrong {
    #[serde(flatten)]
    first: ShownMistake,
    /// All of them, of an import.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mistakes: Vec<ShownMistake>,
}

struct Answered(StatusCode, Refusal);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportQuery {
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    mode: Mode,
    kind: Option<String>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Merge,
    Replace,
}

#[derive(Serialize)]
struct Listed {
    policy: u64,
    objects: Vec<ShownObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
struct Kinds {
    policy: u64,
    kinds: Vec<ShownKind>,
}

#[derive(Serialize)]
struct History {
    kind: String,
    id: String,
    history: Vec<ShownRevision>,
}

/// The API. Every path needs a token.
pub fn router(app: Arc<App>, tokens: Arc<Tokens>) -> Router {
    let shared = Shared { app, tokens, imports: Arc::new(Semaphore::new(IMPORTS)) };
    let mut router = Router::new();
    for (path, methods) in routes() {
        router = router.route(path, methods);
    }
    let guarded = middleware::from_fn_with_state(shared.clone(), guard);
    router.route_layer(guarded).with_state(shared)
}

/// Every path and what may be done there.
fn routes() -> [(&'static str, MethodRouter<Shared>); 6] {
    [
        ("/v1/openapi.json", get(|| async { Json(openapi::document()) })),
        ("/v1/kinds", get(kinds)),
        ("/v1/objects/import", post(import)),
        ("/v1/objects/{kind}", get(list)),
        ("/v1/objects/{kind}/{id}", get(show).put(put).delete(remove)),
        ("/v1/objects/{kind}/{id}/history", get(history)),
    ]
}

/// Lets through who has a token, for a while.
async fn guard(
    State(shared): State<Shared>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let token = given.and_then(|value| value.strip_prefix(b"Bearer "));
    let source = peer.ip();
    let access = shared.tokens.access(token, source, clock::mono());
    let ledger = &shared.app.hub.ledger;
    let name = match access {
        Access::Granted(name) => name,
        Access::LockedOut => return locked_out(),
        access => {
            ledger.audit(Actor::Unknown, AuditEvent::OpsTokenRefused { source });
            let locked = access == Access::Locked;
            if locked {
                ledger.audit(Actor::Unknown, AuditEvent::OpsLocked { source });
            }
            OpsTokenRefused { peer: source, locked }.emit(&shared.app.hub.telemetry);
            let refusal = Refusal::new(Cause::Invalid, "a token is needed: Authorization: Bearer TOKEN");
            let mut answer = Answered(StatusCode::UNAUTHORIZED, refusal).into_response();
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            return answer;
        }
    };
    request.extensions_mut().insert(name);
    match timeout(ANSWER_TIME, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => {
            let refusal = Refusal::new(Cause::Storage, "that takes too long; look whether it was done");
            Answered(StatusCode::GATEWAY_TIMEOUT, refusal).into_response()
        }
    }
}

fn locked_out() -> Response {
    let refusal = Refusal::new(Cause::Invalid, "too many wrong tokens from there; wait a minute");
    let mut answer = Answered(StatusCode::TOO_MANY_REQUESTS, refusal).into_response();
    answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("60"));
    answer
}

async fn kinds(State(shared): State<Shared>) -> Response {
    let catalogue = shared.app.policy.catalogue();
    Json(Kinds { policy: catalogue.number(), kinds: ShownKind::all(&catalogue) }).into_response()
}

async fn list(
    State(shared): State<Shared>,
    Path(kind): Path<String>,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Answered> {
    let Query(query) = query.map_err(|_| bad("expected after=ID and limit=1-1000"))?;
    let kind = named(&kind)?;
    let after = query.after.map(|after| place(kind.name(), &after).map(|(_, id)| id)).transpose();
    let after = after.map_err(|refusal| Answered(StatusCode::BAD_REQUEST, refusal))?;
    let most = query.limit.unwrap_or(PAGE.0);
    if !(1..=PAGE.1).contains(&most) {
        return Err(bad("expected limit=1-1000"));
    }
    let catalogue = shared.app.policy.catalogue();
    let (objects, next) = page(&catalogue, kind, after.as_ref(), most);
    let next = next.map(|id| id.to_string());
    Ok(Json(Listed { policy: catalogue.number(), objects, next }).into_response())
}

async fn show(
    State(shared): State<Shared>,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Answered> {
    let (kind, id) = place(&kind, &id)?;
    let (object, entry) = shared.app.policy.catalogue().find(kind, &id).ok_or_else(|| unknown(kind, &id))?;
    let tag = etag(entry.version());
    Ok(([(header::ETAG, tag)], Json(ShownObject::new(&id, &object, &entry))).into_response())
}

async fn history(
    State(shared): State<Shared>,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Answered> {
    let (kind, id) = place(&kind, &id)?;
    let catalogue = shared.app.policy.catalogue();
    let entry = catalogue.entry(kind, &id).ok_or_else(|| unknown(kind, &id))?;
    let (kind, id) = (kind.name().to_owned(), id.to_string());
    Ok(Json(History { kind, id, history: ShownRevision::all(entry) }).into_response())
}

async fn put(
    State(shared): State<Shared>,
    Extension(name): Extension<ActorName>,
    Path((kind, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Answered> {
    let (kind, id) = place(&kind, &id)?;
    let precondition = precondition(&headers)?;
    let json = read(body, MAX_BODY).await?;
    let author = author(name);
    let object = match Object::parse(kind, &id, &json) {
        Ok(object) => object,
        Err(mistake) => {
            let refusal = Refusal::invalid(vec![mistake.into()]);
            shared.app.write_down_refusal(&refusal, &author.actor);
            return Err(refusal.into());
        }
    };
    let expected = match precondition {
        Precondition::None | Precondition::Absent => Expected::Nothing,
        Precondition::Present => Expected::Something,
        Precondition::Version(version) => Expected::Version(version),
    };
    let asked = single(kind, id.clone(), Some(object), expected);
    let changed = shared.app.change_objects(asked, author).await;
    let changed = changed.map_err(|refusal| unasked(precondition, refusal))?;
    let version = match changed.differences.first() {
        Some(difference) => difference.version,
        // It was so already.
        None => shared.app.policy.catalogue().entry(kind, &id).map_or(0, |entry| entry.version()),
    };
    let is_new = changed.differences.first().is_some_and(|difference| difference.effect == Effect::Added);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let told = ShownChange::new(&changed, usize::MAX);
    Ok((status, [(header::ETAG, etag(version))], Json(told)).into_response())
}

async fn remove(
    State(shared): State<Shared>,
    Extension(name): Extension<ActorName>,
    Path((kind, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Answered> {
    let (kind, id) = place(&kind, &id)?;
    let expected = match precondition(&headers)? {
        Precondition::Version(version) => Expected::Version(version),
        Precondition::Present => Expected::Something,
        Precondition::None | Precondition::Absent => return Err(needed("If-Match: \"VERSION\" or *")),
    };
    let changed = shared.app.change_objects(single(kind, id, None, expected), author(name)).await?;
    Ok(Json(ShownChange::new(&changed, usize::MAX)).into_response())
}

async fn import(
    State(shared): State<Shared>,
    Extension(name): Extension<ActorName>,
    query: Result<Query<ImportQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Answered> {
    let Query(query) =
        query.map_err(|_| bad("expected dry_run=true|false, mode=merge|replace, kind=KIND"))?;
    let policy = match precondition(&headers)? {
        Precondition::Version(number) => Some(number),
        Precondition::None if query.mode == Mode::Merge || query.dry_run => None,
        _ => return Err(needed("If-Match: \"POLICY\", the number that a dry run told")),
    };
    let kind = query.kind.as_deref().map(named).transpose()?;
    let is_csv = is_csv(&headers)?;
    let Ok(_slot) = shared.imports.acquire().await else { return Err(bad("the gateway stops")) };
    let octets = read(body, MAX_CHANGE_OCTETS).await?;
    let parse = move || if is_csv { csv(kind, &octets) } else { Import::json_lines(&octets) };
    let parsed = tokio::task::spawn_blocking(parse).await;
    let author = author(name);
    let unread = |_| Err(vec![LineMistake::whole("the file cannot be read")]);
    let import = match parsed.unwrap_or_else(unread) {
        Ok(import) => import,
        Err(mistakes) => {
            let refusal = Refusal::invalid(mistakes);
            if !query.dry_run {
                shared.app.write_down_refusal(&refusal, &author.actor);
            }
            return Err(refusal.into());
        }
    };
    let replace = if query.mode == Mode::Replace { replaced(kind) } else { Vec::new() };
    let asked = Asked { import, replace, policy, dry_run: query.dry_run };
    let changed = shared.app.change_objects(asked, author).await?;
    Ok(Json(ShownChange::new(&changed, usize::MAX)).into_response())
}

/// A whole body, within octets and time.
async fn read(body: Body, most: usize) -> Result<Bytes, Answered> {
    let refused = |status, problem| Answered(status, Refusal::new(Cause::TooLarge, problem));
    match timeout(BODY_TIME, to_bytes(body, most)).await {
        Ok(Ok(octets)) => Ok(octets),
        // axum does not tell a body that is too long from one that is cut off.
        Ok(Err(error)) if is_too_long(&error) => {
            Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"))
        }
        Ok(Err(_)) => Err(refused(StatusCode::BAD_REQUEST, "the body is cut off")),
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, "the body does not come")),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.to_string().contains("length limit") {
            return true;
        }
        source = cause.source();
    }
    false
}

fn precondition(headers: &HeaderMap) -> Result<Precondition, Answered> {
    let wrong = || bad("expected If-Match: \"VERSION\", If-Match: * or If-None-Match: *");
    let one = |name| {
        let mut values = headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().map_err(|_| wrong())).transpose()?;
        if values.next().is_some() { Err(wrong()) } else { Ok(first) }
    };
    match (one(header::IF_MATCH)?, one(header::IF_NONE_MATCH)?) {
        (None, None) => Ok(Precondition::None),
        (None, Some("*")) => Ok(Precondition::Absent),
        (Some("*"), None) => Ok(Precondition::Present),
        (Some(tag), None) => {
            let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let version = version.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
            version.and_then(|digits| digits.parse().ok()).map(Precondition::Version).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

fn is_csv(headers: &HeaderMap) -> Result<bool, Answered> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        "text/csv" => Ok(true),
        "" | "application/json" | "application/jsonl" | "application/x-ndjson" => Ok(false),
        _ => Err(Answered(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::new(Cause::Invalid, "expected application/x-ndjson or text/csv"),
        )),
    }
}

fn author(name: ActorName) -> Author {
    Author { name: name.as_str().to_owned(), actor: Actor::Token(name) }
}

fn named(kind: &str) -> Result<Kind, Answered> {
    Kind::named(kind).ok_or_else(|| Refusal::new(Cause::Unknown, "there is no such kind").into())
}

fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

fn bad(problem: &str) -> Answered {
    Answered(StatusCode::BAD_REQUEST, Refusal::new(Cause::Invalid, problem))
}

fn needed(header: &str) -> Answered {
    let refusal = Refusal::new(Cause::Conflict, &format!("that needs {header}"));
    Answered(StatusCode::PRECONDITION_REQUIRED, refusal)
}

/// A put that said nothing about what is there, and met something, is to say it.
fn unasked(precondition: Precondition, refusal: Refusal) -> Answered {
    if precondition == Precondition::None && refusal.cause == Cause::Conflict {
        return Answered(StatusCode::PRECONDITION_REQUIRED, refusal);
    }
    refusal.into()
}

impl From<Refusal> for Answered {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.cause {
            Cause::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Cause::Conflict => StatusCode::PRECONDITION_FAILED,
            Cause::Unknown => StatusCode::NOT_FOUND,
            Cause::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Cause::Storage => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, refusal)
    }
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let Self(status, refusal) = self;
        let mut mistakes: Vec<ShownMistake> = refusal.mistakes.iter().map(ShownMistake::from).collect();
        let Some(first) = mistakes.first().cloned() else { return status.into_response() };
        if mistakes.len() == 1 {
            mistakes.clear();
        }
        (status, Json(Wrong { first, mistakes })).into_response()
    }
}

#[cfg(test)]
mod tests;
