//! Tokens, the identities that they stand for, and what only an owner may do.

use orrery_tests::{Database, Server, http::Request, modules};
use serde_json::json;

#[test]
fn identities_are_made_and_verified() {
    let server = Server::shared();
    let (client, other) = (server.new_client(), server.new_client());
    let (identity, others) = (client.identity.clone().unwrap(), other.identity.clone().unwrap());
    assert_ne!(identity, others);
    let verify = |identity: &str| format!("/v1/identity/{identity}/verify");
    client.get(&verify(&identity)).expect(204);
    client.get(&verify(&others)).expect(400);
    client.get(&verify(&format!("0x{identity}"))).expect(400);
    server.anonymous().get(&verify(&identity)).expect(401);

    let key = server.anonymous().get("/v1/identity/public-key").expect(200);
    assert_eq!(key.header("content-type"), Some("application/pem-certificate-chain"));
    assert!(key.text().starts_with("-----BEGIN PUBLIC KEY-----"), "{}", key.text());

    server.anonymous().post("/v1/identity/websocket-token", "").expect(401);
    let answer = client.post("/v1/identity/websocket-token", "").expect(200).json();
    let mut brief = client.clone();
    brief.token = Some(answer["token"].as_str().unwrap().to_string());
    brief.get(&verify(&identity)).expect(204);
}

#[test]
fn tokens_that_are_wrong_are_refused_everywhere() {
    let server = Server::shared();
    let database = Database::publish(server, "publish-v1");
    let token = database.owner.token.clone().unwrap();
    let (head, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{head}.{flipped}{}", &signature[1..]);
    let foreign_claims = {
        let parts: Vec<&str> = token.split('.').collect();
        let other = server.new_client().token.unwrap();
        let others: Vec<&str> = other.split('.').collect();
        [parts[0], others[1], parts[2]].join(".")
    };
    // {"alg":"none"} and claims that would be believed if it were.
    let unsigned = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJsb2NhbGhvc3QiLCJzdWIiOiJ4IiwiaWF0IjoxfQ.".to_string();
    for token in [forged, foreign_claims, unsigned, "nonsense".into(), "a.b.c".into()] {
        let mut client = database.owner.clone();
        client.token = Some(token.clone());
        client.get("/v1/ping").expect(401);
        client.get(&database.url("")).expect(401);
        client.call(&database.name, "add_item", r#"["x", 1]"#).expect(401);
        client.view(&database.name, "items").expect(401);
        server.anonymous().get(&database.url(&format!("?token={token}"))).expect(401);
    }
    for header in ["Basic abc", "Bearer", "Bearer  ", ""] {
        let request = Request::new("GET", &database.url("")).header("authorization", header);
        server.anonymous().send(request).expect(400);
    }
    assert_eq!(database.rows("items").len(), 1);
    server.anonymous().get(&database.url(&format!("?token={token}"))).expect(200);
}

#[test]
fn whoever_has_no_identity_gets_one() {
    let server = Server::shared();
    let database = Database::publish(server, "publish-v1");
    let first = server.anonymous().get(&database.url("")).expect(200);
    let (identity, token) = (first.header("spacetime-identity"), first.header("spacetime-identity-token"));
    let mut client = server.anonymous();
    client.token = token.map(ToString::to_string);
    let again = client.get(&database.url("")).expect(200);
    assert!(identity.is_some());
    assert_eq!(again.header("spacetime-identity"), identity);
    assert_eq!(again.header("spacetime-identity-token"), token);
    let other = server.anonymous().get(&database.url("")).expect(200);
    assert_ne!(other.header("spacetime-identity"), identity);
    // With errors too.
    assert!(server.anonymous().get("/v1/database/never-published").header("spacetime-identity").is_some());
}

#[test]
fn strangers_can_use_a_database_and_not_change_it() {
    let server = Server::shared();
    let database = Database::publish(server, "conformance");
    for stranger in [server.new_client(), server.anonymous()] {
        stranger.call(&database.name, "succeed", r#"["a stranger was here"]"#).expect(200);
        assert!(!stranger.rows(&database.name, "traces").is_empty());
        stranger.publish(&database.name, &modules::bytes("publish-v1")).expect(403);
        stranger.put(&database.url("?clear=true"), modules::bytes("publish-v1")).expect(403);
        stranger.put(&database.url("/reset"), "").expect(403);
        stranger.get(&database.url("/logs")).expect(403);
        stranger.get(&database.url("/logs?follow=true")).expect(403);
        stranger.delete(&database.url("")).expect(403);
    }
    assert_eq!(database.texts("traces").len(), 2);
    database.owner.get(&database.url("/logs")).expect(200);
}

#[test]
fn a_name_stays_with_who_took_it() {
    let server = Server::shared();
    let database = Database::publish(server, "publish-v1");
    let stranger = server.new_client();
    database.owner.delete(&database.url("")).expect(200);
    stranger.publish(&database.name, &modules::bytes("publish-v1")).expect(403);
    let own = Database::publish(server, "publish-v1");
    let taken =
        own.owner.send(Request::new("PUT", &own.url("/names")).json(&json!([database.name]).to_string()));
    assert!(matches!(taken.status, 400 | 401), "{}", taken.text());
    database.owner.publish(&database.name, &modules::bytes("publish-v1")).expect(200);
}
