//! `GET /v1/database/:db/openapi.json`: a valid document that says what is so.

use orrery_tests::{
    Database, Server,
    http::{Client, Request, Response},
    in_every_language,
    modules::Language,
    openapi::Document,
    random::Random,
};
use serde_json::{Value, json};

fn ask(client: &Client, database: &Database) -> Response {
    client.get(&database.url("/openapi.json"))
}

#[track_caller]
fn document(client: &Client, database: &Database) -> Document {
    Document::new(ask(client, database).expect(200).json())
}

#[test]
fn documents_of_all_modules_are_valid() {
    let modules = ["bench", "demo", "lifecycle", "procedures", "publish-v7", "schedules", "sql", "torture"];
    for module in modules {
        let database = Database::publish(Server::shared(), module);
        for client in [&database.owner, &Server::shared().anonymous()] {
            let document = document(client, &database);
            document.check();
            assert!(!document.paths().is_empty(), "{module}");
        }
    }
}

in_every_language!(values_are_as_the_schemas_say);

/// Reducers take what the schemas of their arguments describe, and views answer what those of their rows do.
fn values_are_as_the_schemas_say(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "conformance");
    let mut document = document(&Server::shared().anonymous(), &database);
    let mut random = Random::new(7);
    let kinds = [
        ("add_unsigned", "all_unsigned"),
        ("add_signed", "all_signed"),
        ("add_plain", "all_plain"),
        ("add_special", "all_special"),
        ("add_list", "all_lists"),
        ("add_optional", "all_optionals"),
        ("add_choice", "all_choices"),
        ("add_nested", "all_nested"),
    ];
    let others = ["take_everything", "set_player_score_2", "by_another_name"];
    for function in kinds.map(|(add, _)| add).into_iter().chain(others) {
        let schema = document.arguments_schema(&format!("/call/{function}"));
        let arguments_schema = document.json.pointer(&schema).expect("the function is described").clone();
        for _ in 0..12 {
            let arguments = document.make_up(&arguments_schema, &mut random);
            let answer = database.call(function, &arguments.to_string());
            assert_eq!(answer.status, 200, "{function} {arguments}: {}", answer.text());
            document.expect(&schema, &arguments, true);
        }
        document.expect(&schema, &json!({ "no_such": 1 }), false);
    }
    for (_, all) in kinds {
        // The official npm package (2.8.3) writes a bad result in the form of a good one.
        if language == Language::OfficialTypeScript && all == "all_choices" {
            continue;
        }
        let schema = document.answer_schema("get", &format!("/view/{all}"));
        let answer = database.view(all);
        assert_eq!(answer.status, 200, "{all}: {}", answer.text());
        let rows = answer.json();
        assert_eq!(rows.as_array().map(Vec::len), Some(12), "{all}");
        document.expect(&schema, &rows, true);
        document.expect(&schema, &json!([{}]), false);
        document.expect(&schema, &json!({}), false);
    }
    // What else there is to be seen.
    for view in ["player_scores", "notes", "no_rows", "coin_values", "members", "all_fruit"] {
        let schema = document.answer_schema("get", &format!("/view/{view}"));
        document.expect(&schema, &database.rows(view).into(), true);
    }
    document.check();
}

in_every_language!(results_are_as_the_schemas_say);

fn results_are_as_the_schemas_say(language: Language) {
    let database = Database::publish_in(language, Server::shared(), "procedures");
    let mut document = document(&Server::shared().anonymous(), &database);
    let mut random = Random::new(8);
    for procedure in ["add", "nothing", "parts", "same_parts", "who", "own_identity"] {
        let path = format!("/call/{procedure}");
        let schema = document.json.pointer(&document.arguments_schema(&path)).expect("described").clone();
        for _ in 0..6 {
            let arguments = document.make_up(&schema, &mut random);
            let answer = database.call(procedure, &arguments.to_string());
            assert_eq!(answer.status, 200, "{procedure} {arguments}: {}", answer.text());
            document.expect(&document.answer_schema("post", &path), &answer.json(), true);
            document.expect(&document.answer_schema("post", &path), &json!({ "x": 1 }), false);
        }
    }
    document.check();
}

#[test]
fn answers_have_the_statuses_that_are_described() {
    let database = Database::publish(Server::shared(), "conformance");
    let json = ask(&database.owner, &database).expect(200).json();
    let describes = |path: &str, method: &str, answer: &Response| {
        let answers = &json["paths"][path][method]["responses"];
        let described = &answers[answer.status.to_string()];
        assert!(!described.is_null(), "{path} answers {}", answer.status);
    };
    let call = |client: &Client, function: &str, body: &str| {
        let answer = client.call(&database.name, function, body);
        describes(&format!("/call/{function}"), "post", &answer);
        answer.status
    };
    let owner = &database.owner;
    assert_eq!(call(owner, "succeed", r#"["a"]"#), 200);
    assert_eq!(call(owner, "succeed", "[]"), 400);
    assert_eq!(call(owner, "spend", "[99]"), 530);
    assert_eq!(call(&Server::shared().client_with_token("nonsense"), "succeed", r#"["a"]"#), 401);
    assert_eq!(call(owner, "succeed", &format!("[\"{}\"]", "a".repeat(3 << 20))), 413);
    let untyped = owner.post(&database.url("/call/succeed"), "[]");
    describes("/call/succeed", "post", &untyped);
    let text = Request::new("POST", &database.url("/call/succeed")).header("content-type", "text/plain");
    let text = owner.send(text.body("[]"));
    assert_eq!(text.status, 415);
    describes("/call/succeed", "post", &text);

    let view = |name: &str, header: (&str, &str)| {
        let request = Request::new("GET", &database.url(&format!("/view/{name}")));
        let answer = owner.send(request.header(header.0, header.1));
        describes(&format!("/view/{name}"), "get", &answer);
        answer.status
    };
    assert_eq!(view("no_rows", ("accept", "*/*")), 200);
    assert_eq!(view("no_rows", ("if-none-match", "*")), 304);
    assert_eq!(view("no_rows", ("accept", "image/png")), 406);
    assert_eq!(view("broken_view", ("accept", "*/*")), 530);
    // Each form that is described is to be had.
    let forms = json["paths"]["/view/no_rows"]["get"]["responses"]["200"]["content"].as_object().unwrap();
    for form in forms.keys().filter(|form| *form != "text/event-stream") {
        assert_eq!(view("no_rows", ("accept", form)), 200, "{form}");
    }
}

#[test]
fn each_sees_what_they_may_call() {
    let database = Database::publish(Server::shared(), "schedules");
    let stranger = Server::shared().new_client();
    let [theirs, owners] = [&stranger, &database.owner].map(|client| document(client, &database));
    // The scheduler calls these, and the owner may.
    for private in ["/call/run_job", "/call/run_errand"] {
        assert!(!theirs.paths().contains(&private));
        assert_eq!(owners.json["paths"][private]["post"]["x-owner-only"], true);
        stranger.post(&database.url(private), "[]").expect(400);
        let request = Request::new("POST", &database.url(private)).json("[]");
        stranger.send(request.clone()).expect(404);
        // The arguments are wrong, but the function is there.
        database.owner.send(request).expect(400);
    }
    for path in theirs.paths() {
        assert!(owners.paths().contains(&path), "{path}");
    }
    let lifecycle = Database::publish(Server::shared(), "lifecycle");
    let paths = document(&lifecycle.owner, &lifecycle);
    for path in paths.paths() {
        assert!(
            !["/call/init", "/call/client_connected", "/call/client_disconnected"].contains(&path),
            "{path}"
        );
    }
    Server::shared().client_with_token("nonsense").get(&database.url("/openapi.json")).expect(401);
}

#[test]
fn routes_are_described() {
    let database = Database::publish(Server::shared(), "procedures");
    let document = document(&Server::shared().anonymous(), &database);
    let methods = |path: &str| {
        let item = document.json["paths"][path].as_object().unwrap_or_else(|| panic!("no {path}"));
        item.keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(methods("/route"), "get");
    assert_eq!(methods("/route/"), "get");
    assert_eq!(methods("/route/insert"), "post get");
    assert_eq!(methods("/route/options"), "options get");
    assert_eq!(methods("/route/echo"), "get put post delete patch");
    for path in document.paths().iter().filter(|path| path.starts_with("/route")) {
        for operation in document.json["paths"][path].as_object().unwrap().values() {
            assert_eq!(operation["security"], json!([]), "a module must not be sent tokens by habit");
        }
    }
}

#[test]
fn it_holds_until_the_program_changes() {
    let server = Server::shared();
    let database = Database::publish(server, "publish-v1");
    let tag = |answer: &Response| answer.header("etag").expect("it has a tag").to_string();
    let with_tag = |client: &Client, tag: &str| {
        client.send(Request::new("GET", &database.url("/openapi.json")).header("if-none-match", tag))
    };
    let first = ask(&database.owner, &database).expect(200);
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(ask(&database.owner, &database).body, first.body, "the same program, the same text");
    assert_eq!(with_tag(&database.owner, &tag(&first)).expect(304).body, b"");
    // Somebody else has a document of their own.
    with_tag(&server.anonymous(), &tag(&first)).expect(200);
    database.owner.publish(&database.name, &orrery_tests::modules::bytes("publish-v2")).expect(200);
    let second = with_tag(&database.owner, &tag(&first)).expect(200);
    assert_ne!(tag(&second), tag(&first));
    assert_ne!(second.json()["info"]["version"], first.json()["info"]["version"]);
    server.anonymous().get("/v1/database/never-published/openapi.json").expect(404);
}

#[test]
fn its_urls_lead_back_to_the_database() {
    let database = Database::publish(Server::shared(), "conformance");
    let identity = database.owner.get(&database.url("/identity")).expect(200).text().to_string();
    for name in [&database.name, &identity] {
        let json: Value = database.owner.get(&format!("/v1/database/{name}/openapi.json")).expect(200).json();
        // Relative to the document, and other URLs may stand before it.
        assert_eq!(json["servers"][0]["url"], format!("../{name}"));
        assert_eq!(json["info"]["title"], **name);
    }
}
