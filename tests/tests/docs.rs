//! `GET /v1/database/:db/docs`: the page, in a real browser.

use std::sync::Mutex;

use orrery_tests::{
    Database, Server,
    browser::Browser,
    modules::tests_dir,
    wait_until,
    web::{WebServer, response},
};
use serde_json::{Value, json};

fn open(browser: &Browser, database: &Database, function: &str) {
    browser.open(&format!("{}{}#/{function}", Server::shared().url(), database.url("/docs")));
    browser.find("main h2");
}

/// Waits for the answer's status, and gives all that is shown of it.
#[track_caller]
fn answer(browser: &Browser, status: &str) -> String {
    browser.find_path(&format!("//section[@aria-label = 'Answer']//strong[starts-with(., '{status}')]"));
    browser.find("section[aria-label = Answer]").text()
}

#[test]
fn a_reducer_is_found_and_called_and_a_view_shows_what_it_did() {
    let database = Database::publish(Server::shared(), "conformance");
    let browser = Browser::start();
    open(&browser, &database, "");
    assert_eq!(browser.title(), database.name);

    browser.find("body").type_in("/");
    browser.find("#filter").type_in("add_unsig");
    let visible = browser.find("#list").text();
    assert_eq!(visible.lines().collect::<Vec<_>>(), ["REDUCERS", "add_unsigned(row)"]);
    browser.find("#list li:not([hidden]) a").click();
    assert!(browser.title().starts_with("add_unsigned(row)"));

    browser.field("id").type_in("7");
    browser.field("one").type_in("256");
    browser.button("Call").click();
    assert_eq!(browser.find("[role = alert]").text(), "one: this must be from 0 to 255.");
    browser.field("one").type_in("\u{e003}");
    browser.field("two").type_in("2");
    browser.field("four").type_in("4");
    browser.field("eight").type_in(&u64::MAX.to_string());
    browser.field("sixteen").type_in(&u128::MAX.to_string());
    browser.field("wide").type_in("0xff\u{e007}");
    answer(&browser, "200");
    assert_eq!(
        database.rows("all_unsigned"),
        [json!({
            "id": 7, "one": 25, "two": 2, "four": 4, "eight": u64::MAX,
            "sixteen": u128::MAX.to_string(), "wide": "255",
        })]
    );

    open(&browser, &database, "get/view/all_unsigned");
    browser.button("Ask").click();
    let shown = answer(&browser, "200");
    for number in [u64::MAX.to_string(), u128::MAX.to_string()] {
        assert!(shown.contains(&number), "{shown}");
    }
    assert_eq!(browser.find("th:nth-child(5)").text(), "eight");
    assert_eq!(browser.find("td:nth-child(5)").text(), u64::MAX.to_string());
    browser.button("JSON").click();
    assert!(browser.find("section pre").text().contains(&format!("\"eight\": {}", u64::MAX)));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn arguments_of_every_shape_can_be_put_together() {
    let database = Database::publish(Server::shared(), "conformance");
    let browser = Browser::start();
    open(&browser, &database, "post/call/add_choice");
    browser.field("id").type_in("1");
    browser.field("colour").choose("darkBlue");
    browser.field("shape").choose("polygon");
    for point in 1..=2 {
        browser.button("+ Add").click();
        // The new point has the focus, and the next field follows.
        browser.run("return document.activeElement.value = arguments[0]", &[point.to_string().into()]);
        let y = "const inputs = document.querySelectorAll('.item:last-child input'); inputs[1].value = '-5'";
        browser.run(y, &[]);
    }
    browser.field("outcome").choose("err");
    browser.field("err").type_in("it \"broke\"\n</script>");
    browser.field("verdict").choose("ok");
    browser.run("for (const it of document.querySelectorAll('main input')) it.value ||= '3'", &[]);
    browser.button("Call").click();
    answer(&browser, "200");
    assert_eq!(
        database.rows("all_choices"),
        [json!({
            "id": 1,
            "colour": "darkBlue",
            "shape": { "polygon": [{ "x": 1, "y": -5 }, { "x": 2, "y": -5 }] },
            "outcome": { "err": "it \"broke\"\n</script>" },
            "verdict": { "ok": { "x": 3, "y": 3 } },
        })]
    );

    // The same as text, which is what the fields say until it is changed.
    browser.button("Edit as JSON").click();
    let text = browser.run("return [...document.querySelectorAll('main textarea')].at(-1).value", &[]);
    let mut arguments: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
    assert_eq!(arguments["row"]["shape"]["polygon"][1], json!({ "x": 2, "y": -5 }));
    arguments["row"]["id"] = 2.into();
    let set = "[...document.querySelectorAll('main textarea')].at(-1).value = arguments[0]";
    browser.run(set, &[arguments.to_string().into()]);
    browser.button("Call").click();
    wait_until("the second row is there", || database.rows("all_choices").len() == 2);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn what_fails_says_why_and_what_is_sent_can_be_copied() {
    let database = Database::publish(Server::shared(), "conformance");
    let browser = Browser::start();
    open(&browser, &database, "post/call/spend");
    browser.find("form.card input").type_in("99");
    browser.button("Call").click();
    let refused = answer(&browser, "530");
    let said = database.call("spend", "[99]").expect(530).text().to_string();
    assert!(refused.contains(&said), "{refused}");

    open(&browser, &database, "post/call/succeed");
    browser.find("form.card textarea").type_in("it's $HOME");
    browser.button("Copy as curl").click();
    let command = browser.find("pre[aria-label = curl]").text();
    let output = std::process::Command::new("sh").args(["-c", &format!("{command} -s")]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with("HTTP/1.1 200"), "{command}\n{printed}");
    assert_eq!(database.texts("traces"), ["it's $HOME"]);
}

#[test]
fn a_token_shows_more_and_goes_to_no_module() {
    let database = Database::publish(Server::shared(), "schedules");
    let browser = Browser::start();
    open(&browser, &database, "");
    assert!(!browser.find("#list").text().contains("run_job"));
    let token = database.owner.token.clone().unwrap();
    browser.find("#token").type_in(&token);
    browser.button("Use").click();
    wait_until("the owner's functions are shown", || browser.find("#list").text().contains("run_job"));
    let identity = database.owner.identity.clone().unwrap();
    assert!(browser.find("#who").text().contains(&identity[..8]));

    // It stays in this tab, and nowhere else.
    open(&browser, &database, "");
    wait_until("the token is kept", || browser.find("#list").text().contains("run_job"));
    assert_eq!(browser.run("return localStorage.length + document.cookie.length", &[]), 0);

    let other = Database::publish(Server::shared(), "procedures");
    open(&browser, &other, "post/call/who");
    browser.button("Call").click();
    assert!(answer(&browser, "200").contains(&identity), "calls are made with the token");
    open(&browser, &other, "get/route/echo");
    browser.button("Ask").click();
    let echoed = answer(&browser, "200");
    assert!(echoed.contains("host:") && !echoed.contains("authorization"), "{echoed}");
    browser.find("main input[type = checkbox]").click();
    browser.button("Ask").click();
    wait_until("the token is sent when that is wanted", || answer(&browser, "200").contains(&token));

    browser.button("Forget").click();
    assert_eq!(browser.run("return sessionStorage.length", &[]), 0);
    browser.button("New identity").click();
    wait_until("there is a new identity", || browser.find("#who").text().starts_with("as "));
}

#[test]
fn a_hostile_module_is_only_text() {
    let evil = "\"'><img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>";
    // A reference with a slash in it would lead elsewhere.
    let schema = &evil.replace('/', "|");
    let names = [evil, "__proto__", "constructor", "toString", "javascript:alert(1)"];
    let mut paths = serde_json::Map::new();
    for name in names {
        let properties: serde_json::Map<String, Value> = names
            .iter()
            .map(|name| ((*name).to_string(), json!({ "$ref": format!("#/components/schemas/{schema}") })))
            .collect();
        let operation = json!({
            "operationId": name, "tags": [evil], "summary": name, "description": format!("{evil}\n\n`{evil}`"),
            "requestBody": { "content": { "application/json": { "schema": {
                "type": "object", "properties": properties, "required": names, "title": name,
            } } } },
            "responses": { "200": { "description": evil, "content": { evil: {}, "text/html": {} } } },
        });
        paths.insert(
            format!("/call/{name}"),
            json!({ "post": operation, "get": { "tags": [evil], "summary": evil, "responses": {} } }),
        );
    }
    let document = json!({
        "openapi": "3.1.1",
        "info": { "title": evil, "version": evil, "description": evil },
        "servers": [{ "url": "../x" }],
        "tags": [{ "name": evil, "description": evil }],
        "paths": paths,
        "components": { "schemas": {
            schema: { "type": "string", "title": evil, "description": evil, "pattern": "" },
            "__proto__": { "enum": [evil] },
        } },
    });

    // The page as the server sends it, with all its headers, in front of a server that answers the worst.
    let database = Database::publish(Server::shared(), "demo");
    let page = database.owner.get(&database.url("/docs")).expect(200);
    let headers: String = page
        .headers
        .iter()
        .filter(|(name, _)| name != "content-length")
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    assert!(
        page.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    let page = page.text().to_string();
    let called = std::sync::Arc::new(Mutex::new(Vec::new()));
    let calls = called.clone();
    let web = WebServer::start(move |request| {
        if request.line.contains("/docs ") {
            return response("200 OK", &headers, &page);
        }
        if request.line.contains("/openapi.json ") {
            return response("200 OK", "content-type: application/json\r\n", &document.to_string());
        }
        calls.lock().unwrap().push((request.line.clone(), request.body.clone()));
        let rows = json!([{ evil: evil, "__proto__": evil }, { "constructor": [evil] }]);
        response(&format!("200 {evil}"), "content-type: application/json\r\n", &rows.to_string())
    });

    let browser = Browser::start();
    let links = "return [...document.querySelectorAll('#list a')].map(it => it.getAttribute('href'))";
    browser.open(&web.url("/v1/database/x/docs"));
    browser.find("#list a");
    let functions = browser.run(links, &[]);
    let functions = functions.as_array().unwrap();
    assert_eq!(functions.len(), 2 * names.len());
    for function in functions {
        let function = function.as_str().unwrap();
        assert!(function.starts_with("#/"), "{function}");
        browser.run("location.hash = ''; [...document.querySelectorAll('#list a')].find(it => it.getAttribute('href') === arguments[0]).click()", &[function.into()]);
        browser.find("form.card button");
        browser.run("for (const it of document.querySelectorAll('main textarea, main input')) it.value = arguments[0]", &[evil.into()]);
        let known = called.lock().unwrap().len();
        browser.find("form.card button[type = submit]").click();
        wait_until("the call has come", || called.lock().unwrap().len() > known);
        answer(&browser, "200");
    }
    for (line, body) in called.lock().unwrap().iter().filter(|(line, _)| line.starts_with("POST")) {
        let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{line} {body}: {error}"));
        for name in names {
            assert_eq!(body[name], evil);
        }
    }
    assert!(browser.find("main").text().contains(evil));
    let made = browser
        .run("return document.querySelectorAll('img, iframe, object, script:not([nonce])').length", &[]);
    assert_eq!(made, 1, "only the page's own script");
    assert!(!browser.title().contains("hacked") || browser.title().contains("onerror"));
    assert_eq!(browser.run("return ({}).enum === undefined && document.body.title", &[]), "");

    // And if markup were made of text, the browser would not take it.
    let sink =
        "try { document.body.innerHTML = '<img src=x>'; return 'taken' } catch (error) { return error.name }";
    assert_eq!(browser.run(sink, &[]), "TypeError");
}

#[test]
fn everybody_can_use_it() {
    let axe = std::fs::read_to_string(tests_dir().join("openapi/node_modules/axe-core/axe.min.js"));
    let axe = axe.expect("tests/setup installs axe-core");
    let conformance = Database::publish(Server::shared(), "conformance");
    let procedures = Database::publish(Server::shared(), "procedures");
    conformance.call("mint", "[1, 10]").expect(200);
    let browser = Browser::start();
    let pages = [
        (&conformance, "", None),
        (&conformance, "post/call/add_choice", None),
        (&conformance, "post/call/succeed", Some("Call")),
        (&conformance, "get/view/coin_values", Some("Ask")),
        (&procedures, "post/route/insert", None),
    ];
    for scheme in ["light", "dark"] {
        for (database, function, button) in &pages {
            open(&browser, database, function);
            let forced = "const style = document.querySelector('style').sheet;
                for (const rule of style.cssRules) if (rule.media) rule.media.mediaText = arguments[0];";
            let media = if scheme == "dark" { "screen" } else { "print" };
            browser.run(
                &format!("{forced} document.documentElement.style.colorScheme = arguments[1]"),
                &[media.into(), scheme.into()],
            );
            if let Some(button) = button {
                browser.button(button).click();
                answer(&browser, "");
            }
            browser.run(&format!("{axe}; window.axe = axe"), &[]);
            let found = browser.run("return axe.run().then(it => it.violations.map(it => it.id + ': ' + it.nodes.map(it => it.html).join(' ')))", &[]);
            assert_eq!(found, json!([]), "{function} {scheme}");
        }
    }
}

#[test]
fn there_is_no_page_without_a_database() {
    let server = Server::shared();
    server.anonymous().get("/v1/database/never-published/docs").expect(404);
    let database = Database::publish(server, "demo");
    let page = server.anonymous().get(&database.url("/docs")).expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let tag = page.header("etag").unwrap().to_string();
    let request =
        orrery_tests::http::Request::new("GET", &database.url("/docs")).header("if-none-match", &tag);
    server.anonymous().send(request).expect(304);
}
