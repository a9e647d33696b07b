//! The description of the API (OpenAPI 3.1), with the schema of every kind as its type gives it.

use serde_json::{Map, Value, json};
use veilgate_policy::Kind;

/// The document.
pub(super) fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Veilgate ops API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The objects that rules are made of. A change is checked with all others, durable and in force \
                            before it is answered, or nothing is changed.",
        },
        "security": [{ "token": [] }],
        "paths": paths(),
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas(),
        },
    })
}

fn paths() -> Value {
    json!({
        "/v1/openapi.json": { "get": {
            "summary": "This document",
            "responses": answers("The document", &json!({ "type": "object" }), &[]),
        } },
        "/v1/kinds": { "get": {
            "summary": "The kinds, how many objects there are, and which policy is in force",
            "responses": answers("The kinds", &reference("Kinds"), &[]),
        } },
        "/v1/objects/{kind}": { "get": {
            "summary": "Objects of a kind, in the order of their names",
            "parameters": [
                kind(),
                query("after", "The name behind which the page begins", &json!({ "type": "string" })),
                query("limit", "Objects on the page", &json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 })),
            ],
            "responses": answers("A page", &reference("Objects"), &["400", "404"]),
        } },
        "/v1/objects/{kind}/{id}": {
            "get": {
                "summary": "An object; its version is the ETag",
                "parameters": [kind(), id()],
                "responses": answers("The object", &reference("Object"), &["404", "422"]),
            },
            "put": put(),
            "delete": {
                "summary": "Take an object away",
                "parameters": [
                    kind(), id(),
                    header("If-Match", "\"VERSION\" or *: needed"),
                ],
                "responses": answers("What is different", &reference("Change"), &["400", "404", "412", "422", "428", "503"]),
            },
        },
        "/v1/objects/{kind}/{id}/history": { "get": {
            "summary": "The last changes of an object, the last first, also of one that was taken away",
            "parameters": [kind(), id()],
            "responses": answers("The changes", &reference("History"), &["404", "422"]),
        } },
        "/v1/objects/import": { "post": import() },
    })
}

fn put() -> Value {
    json!({
        "summary": "Put an object. Without a header it must be new; with If-Match it must be there",
        "parameters": [
            kind(), id(),
            header("If-Match", "\"VERSION\" that must be there, or * for any"),
            header("If-None-Match", "*: it must not be there"),
        ],
        "requestBody": {
            "required": true,
            "description": "The object itself, 1 MiB at most",
            "content": { "application/json": { "schema": any_object() } },
        },
        "responses": {
            "201": answer("The object is new", &reference("Change")),
            "200": answer("The object is another, or was so already", &reference("Change")),
            "default": answer("What is wrong", &reference("Wrong")),
        },
    })
}

fn import() -> Value {
    let lines = json!({ "type": "string", "description": "One Line in JSON on each line" });
    json!({
        "summary": "Put many objects, all or none",
        "parameters": [
            query("dry_run", "Only tell what would be different", &json!({ "type": "boolean", "default": false })),
            query("mode", "replace takes away what is not in the file", &json!({ "enum": ["merge", "replace"], "default": "merge" })),
            query("kind", "The kind of the rows of a CSV; the only kind that replace concerns", &json!({ "enum": names() })),
            header("If-Match", "\"POLICY\" that must be in force; needed with mode=replace unless dry_run"),
        ],
        "requestBody": {
            "required": true,
            "description": "64 MiB at most",
            "content": {
                "application/x-ndjson": { "schema": lines },
                "text/csv": { "schema": { "type": "string" } },
            },
        },
        "responses": answers("What is different", &reference("Change"), &["400", "408", "412", "413", "415", "422", "428", "503"]),
    })
}

fn schemas() -> Value {
    let text = json!({ "type": "string" });
    let count = json!({ "type": "integer", "minimum": 0 });
    let mut schemas = Map::new();
    for kind in Kind::ALL {
        schemas.insert(kind.name().to_owned(), moved(kind.schema(), kind.name()));
    }
    let told = [
        ("Kind", json!({ "kind": text, "objects": count })),
        ("Kinds", json!({ "policy": count, "kinds": list("Kind") })),
        (
            "Object",
            json!({
                "kind": text, "id": text, "version": count, "changed_at": time(), "by": text, "digest": digest(),
                "object": any_object(),
            }),
        ),
        ("Objects", json!({ "policy": count, "objects": list("Object"), "next": text })),
        ("Revision", json!({ "version": count, "at": time(), "by": text, "digest": digest() })),
        ("History", json!({ "kind": text, "id": text, "history": list("Revision") })),
        (
            "Difference",
            json!({
                "kind": text, "id": text, "effect": { "enum": ["added", "changed", "removed"] },
                "fields": { "type": "array", "items": text }, "version": count, "before": digest(), "after": digest(),
            }),
        ),
        (
            "Change",
            json!({
                "policy": count, "dry_run": { "type": "boolean" }, "added": count, "changed": count, "removed": count,
                "unchanged": count, "differences": list("Difference"),
            }),
        ),
        ("Mistake", json!({ "error": text, "kind": text, "id": text, "field": text, "line": count })),
        (
            "Wrong",
            json!({
                "error": text, "kind": text, "id": text, "field": text, "line": count, "mistakes": list("Mistake"),
            }),
        ),
        (
            "Line",
            json!({ "kind": { "enum": names() }, "id": text, "version": count, "object": any_object() }),
        ),
    ];
    for (name, properties) in told {
        schemas.insert(name.to_owned(), json!({ "type": "object", "properties": properties }));
    }
    schemas.into()
}

/// A kind's schema, in its place in the document: what it defines lies within it.
fn moved(mut schema: Value, kind: &str) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("$schema");
    }
    let place = format!("#/components/schemas/{kind}/$defs/");
    point(&mut schema, &place);
    schema
}

fn point(value: &mut Value, place: &str) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::String(target) if name == "$ref" => {
                        *target = target.replacen("#/$defs/", place, 1)
                    }
                    member => point(member, place),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| point(item, place)),
        _ => {}
    }
}

fn names() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.name()).collect()
}

fn any_object() -> Value {
    let each: Vec<Value> = names().into_iter().map(reference).collect();
    json!({ "anyOf": each })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn list(name: &str) -> Value {
    json!({ "type": "array", "items": reference(name) })
}

fn digest() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SM3 of the object's JSON" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn kind() -> Value {
    json!({ "name": "kind", "in": "path", "required": true, "schema": { "enum": names() } })
}

fn id() -> Value {
    json!({
        "name": "id", "in": "path", "required": true,
        "schema": { "type": "string", "pattern": "^[0-9A-Za-z_.-]{1,64}$" },
    })
}

fn query(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn header(name: &str, description: &str) -> Value {
    json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } })
}

fn answer(description: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

/// The answers of a path: what it gives, and what else may be.
fn answers(description: &str, schema: &Value, others: &[&str]) -> Value {
    let mut answers = Map::new();
    answers.insert("200".to_owned(), answer(description, schema));
    for status in others.iter().chain(&["401", "429"]) {
        answers.insert((*status).to_owned(), answer("What is wrong", &reference("Wrong")));
    }
    answers.into()
}
