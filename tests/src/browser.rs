//! A real browser, driven over the WebDriver protocol. The protocol is JSON over HTTP, which the client of these
//! tests speaks already.

use std::{
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    http::{Client, Request},
    wait_until,
};

/// How WebDriver calls references to elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A headless browser with one window and no memory of earlier ones.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    /// Kept open, for whatever else it may say.
    _output: BufReader<ChildStdout>,
    client: Client,
    session: String,
}

/// An element of the page that the browser shows.
#[derive(Debug)]
pub struct Element<'b> {
    browser: &'b Browser,
    id: String,
}

impl Browser {
    /// Starts one.
    pub fn start() -> Self {
        let mut driver = Command::new("chromedriver");
        driver.args(["--port=0", "--log-level=SEVERE"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut driver =
            driver.spawn().expect("chromedriver cannot be started; tests/setup installs the browser and it");
        let mut output = BufReader::new(driver.stdout.take().expect("it is piped"));
        let port: Option<u16> = (&mut output).lines().find_map(|line| {
            let line = line.expect("chromedriver speaks UTF-8");
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let port = port.expect("chromedriver ended before it said its port");
        let client = Client::anonymous(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let mut browser = Self { driver, _output: output, client, session: String::new() };
        // Tests run as root in containers, where the browser cannot lock itself in and has little shared memory.
        let arguments = ["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
        let session = browser.command(
            "POST",
            "",
            &json!({ "capabilities": { "alwaysMatch": {
                "goog:chromeOptions": { "args": arguments },
                "goog:loggingPrefs": { "browser": "ALL" },
                "unhandledPromptBehavior": "ignore",
            } } }),
        );
        browser.session = format!("/{}", session["sessionId"].as_str().expect("a session has an id"));
        browser
    }

    /// Goes to a URL and waits until it is loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({ "url": url }));
    }

    /// The title of the page.
    #[track_caller]
    pub fn title(&self) -> String {
        self.command("GET", "/title", &Value::Null).as_str().expect("a title is text").to_string()
    }

    /// Runs a script with arguments; what it returns, or what the promise that it returns comes to.
    #[track_caller]
    pub fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.command("POST", "/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Waits for an element, by its CSS selector.
    #[track_caller]
    pub fn find(&self, selector: &str) -> Element<'_> {
        self.wait_for("css selector", selector)
    }

    /// Waits for an element, by an XPath.
    #[track_caller]
    pub fn find_path(&self, path: &str) -> Element<'_> {
        self.wait_for("xpath", path)
    }

    /// Waits for a visible field, by the text that its label begins with.
    #[track_caller]
    pub fn field(&self, label: &str) -> Element<'_> {
        let of_label = format!("//*[@id = //main//label[starts-with(normalize-space(.), '{label} ')]/@for]");
        self.find_path(&of_label)
    }

    /// Waits for a button, by its text.
    #[track_caller]
    pub fn button(&self, text: &str) -> Element<'_> {
        self.find_path(&format!("//button[normalize-space(.) = '{text}']"))
    }

    /// What the page and the browser's watch over it have complained of since the last time.
    #[track_caller]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", &json!({ "type": "browser" }));
        let lines = log.as_array().expect("a log is a list");
        lines.iter().map(|line| line["message"].as_str().unwrap_or_default().to_string()).collect()
    }

    #[track_caller]
    fn wait_for(&self, using: &str, value: &str) -> Element<'_> {
        let mut found = None;
        wait_until(&format!("the page has {value}"), || {
            let answer = self.ask("POST", "/elements", &json!({ "using": using, "value": value }));
            found = answer.ok().and_then(|found| found[0][ELEMENT].as_str().map(str::to_string));
            found.is_some()
        });
        Element { browser: self, id: found.expect("it was found") }
    }

    #[track_caller]
    fn command(&self, method: &str, below: &str, body: &Value) -> Value {
        self.ask(method, below, body).unwrap_or_else(|error| panic!("{method} {below} {body}: {error}"))
    }

    fn ask(&self, method: &str, below: &str, body: &Value) -> Result<Value, Value> {
        let request = Request::new(method, &format!("/session{}{below}", self.session));
        let request = if method == "POST" { request.json(&body.to_string()) } else { request };
        let answer = self.client.send(request);
        let value = answer.json()["value"].clone();
        if answer.status == 200 { Ok(value) } else { Err(value) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser with the session; nothing is left to be done if it cannot.
        let _ = self.ask("DELETE", "", &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Element<'_> {
    /// Clicks on it.
    #[track_caller]
    pub fn click(&self) -> &Self {
        self.command("POST", "/click", &json!({}));
        self
    }

    /// Types text into it, after what is there.
    #[track_caller]
    pub fn type_in(&self, text: &str) -> &Self {
        self.command("POST", "/value", &json!({ "text": text }));
        self
    }

    /// Chooses the option of that text.
    #[track_caller]
    pub fn choose(&self, option: &str) {
        let options = "[...arguments[0].options].find(it => it.textContent === arguments[1]).index";
        let choose = format!(
            "arguments[0].selectedIndex = {options}; arguments[0].dispatchEvent(new Event('change'))"
        );
        self.browser.run(&choose, &[json!({ ELEMENT: self.id }), option.into()]);
    }

    /// Its text, as far as it is visible.
    #[track_caller]
    pub fn text(&self) -> String {
        self.command("GET", "/text", &Value::Null).as_str().expect("text").to_string()
    }

    #[track_caller]
    fn command(&self, method: &str, below: &str, body: &Value) -> Value {
        self.browser.command(method, &format!("/element/{}{below}", self.id), body)
    }
}
