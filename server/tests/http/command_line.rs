//! The `assent` command, as it is run.

use crate::app::{SITE, TestApp};
use serde_json::{Value, json};
use server::operator_key::OperatorKey;
use std::io::{BufRead as _, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub(crate) fn assent(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.env_clear().current_dir(folder).args(arguments).output().unwrap()
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test]
async fn verify_says_what_is_wrong_and_where() {
    let app = TestApp::new().await;
    let receipt = app.records(json!({ "analytics": "yes" })).await.text();
    app.records(json!({ "analytics": "no" })).await;
    let key = app.get("/v1/clinic/log/key").await.text();
    let folder = app.folder.path();
    let verify = |text: &str, more: &[&str]| {
        std::fs::write(app.path("file"), text).unwrap();
        let output = assent(folder, &[&["verify", "file"], more].concat());
        (output.status.code(), out(&output))
    };
    assert_eq!(verify(&receipt, &[]).0, Some(0));
    let (code, said) = verify(&receipt, &["--key", key.trim()]);
    assert!(code == Some(0) && said.contains("the key you gave"), "{said}");
    let (code, said) = verify(&receipt.replace("given", "ungiven"), &[]);
    assert!(code == Some(1) && said.contains("record-changed"), "{said}");
    let (code, said) = verify(&receipt[..receipt.len() - 1], &["--json"]);
    let verdict: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &verdict["holds"], &verdict["code"]), (Some(1), &json!(false), &json!("malformed")));
    // These were receipts that do not hold.
    for other in ["{}", "", "day,choice\n", "\u{feff}{}"] {
        let (code, said) = verify(other, &[]);
        assert!(
            code == Some(2) && said.contains("file is neither a receipt, an export (NDJSON) nor a bundle"),
            "{other:?}: {said}"
        );
    }

    let site = app.app.sites.all().remove(0);
    let mut export = Vec::new();
    site.ledger.export(&assent_ledger::ExportFilter::default(), &mut export, &mut |_| ()).unwrap();
    let export = String::from_utf8(export).unwrap();
    let (code, said) = verify(&export, &[]);
    assert!(code == Some(0) && said.contains("2 records, 1 notice, 0 withheld"), "{said}");
    // An editor was here, and saved the same text: its mark made a receipt of an export, and of no receipt a good one.
    for (text, says) in [(&export, "The export holds"), (&receipt, "The receipt is whole")] {
        let (code, said) = verify(&format!("\u{feff}{text}"), &[]);
        assert!(code == Some(0) && said.starts_with(says), "{said}");
    }
    let (code, said) = verify(&export.replace(":\\\"given\\\"", ":\\\"taken\\\""), &[]);
    assert!(code == Some(1) && said.contains("entry 2"), "{said}");
    let (code, said) =
        verify(&export.lines().take(3).map(|line| format!("{line}\n")).collect::<String>(), &[]);
    assert!(code == Some(1) && said.contains("does not hold"), "{said}");
    assert_eq!(assent(folder, &["verify", "nothing-here"]).status.code(), Some(2));
    for (key, says) in [
        ("log.kye", "log.kye is not a log's key (vkey), and no file that can be read"),
        ("staff.token", "staff.token does not hold a log's key"),
        (&key.replace('/', "-")[1..], "--key is not a log's key (vkey): "),
    ] {
        let (code, said) = verify(&receipt, &["--key", key.trim()]);
        assert!(code == Some(2) && said.contains(says), "{said}");
    }
}

#[test]
fn sites_are_checked_published_and_exported_without_a_server() {
    let folder = TestApp::empty().stopped();
    let path = folder.path();
    std::fs::write(path.join("site.toml"), SITE).unwrap();
    std::fs::write(path.join("bad.toml"), SITE.replace("We would like", "You will miss out: we would like"))
        .unwrap();
    let run = |arguments: &[&str]| {
        let output = assent(path, arguments);
        (output.status.code(), out(&output))
    };
    assert_eq!(run(&["site", "check", "site.toml"]).0, Some(0));
    assert_eq!(run(&["site", "check", "missing.toml"]).0, Some(2), "it is not said to be unfair");
    let (code, said) = run(&["site", "check", "bad.toml"]);
    assert!(code == Some(1) && said.contains("guilt: text.en.intro"), "{said}");
    // A switch that other banners have: told by the rule it would break, not only that there is no such key.
    std::fs::write(
        path.join("bad.toml"),
        SITE.replacen("route = \"consent\"", "route = \"consent\"\ndefault = true", 1),
    )
    .unwrap();
    let (code, said) = run(&["site", "check", "bad.toml"]);
    assert!(code == Some(1) && said.contains("pre-ticked: purposes.analytics.default"), "{said}");
    let (code, said) = run(&["site", "apply", "bad.toml"]);
    assert!(
        code == Some(1) && said.contains("pre-ticked at purposes.analytics.default"),
        "publishing refuses the same: {said}"
    );
    let (code, said) = run(&["site", "rules"]);
    assert!(code == Some(0) && said.contains("| `vague-purpose` |"), "{said}");
    assert!(
        include_str!("../../README.md").contains(&said),
        "the guide's table is what `assent site rules` prints"
    );
    let (code, said) = run(&["site", "tags", "--markup", "site.toml"]);
    assert!(code == Some(0) && said.starts_with("<div data-assent=\"here\"><noscript>"), "{said}");
    assert_eq!(
        said.matches("<form method=\"post\" action=\"https://privacy.example.org/v1/clinic/choices\">")
            .count(),
        2
    );
    assert_eq!(said.matches("name=\"choice.analytics\" value=\"yes\"").count(), 1);
    // Text stays text.
    std::fs::write(path.join("bad.toml"), SITE.replacen("We would like", "<b>\\\"We\\\"</b> would like", 1))
        .unwrap();
    let (_, said) = run(&["site", "tags", "--markup", "bad.toml"]);
    assert!(said.contains("&lt;b&gt;&quot;We&quot;&lt;/b&gt; would"), "{said}");
    let asking = SITE.replacen("[controller]", "[age]\nasked = [\"banner\"]\n\n[controller]", 1);
    std::fs::write(path.join("bad.toml"), asking).unwrap();
    let (_, said) = run(&["site", "tags", "--markup", "bad.toml"]);
    assert!(
        !said.contains("<form") && said.contains("/choices?lang=en"),
        "an age is asked on the choices page: {said}"
    );
    let (code, said) = run(&["site", "apply", "site.toml"]);
    assert!(code == Some(1) && said.contains("assent log create"), "{said}");
    let (code, said) = run(&["log", "create", "site.toml"]);
    assert!(code == Some(0) && said.contains("its log was begun"), "{said}");
    assert_eq!(run(&["log", "create", "site.toml"]).0, Some(1), "a history is begun once");
    let (code, said) = run(&["site", "apply", "site.toml"]);
    assert!(code == Some(0) && said.contains("as before"), "{said}");
    let (code, said) = run(&["fsck"]);
    assert!(code == Some(0) && said.contains("all is well"), "{said}");
    let (code, said) = run(&["purge", "--site", "clinic", "--dry-run"]);
    assert!(code == Some(0) && said.contains("nothing is due"), "{said}");
    let (code, said) = run(&["people", "erase", "--site", "clinic", "--email", "nobody@example.org"]);
    assert!(code == Some(1) && said.contains("0 subject(s)"), "{said}");
    assert_eq!(run(&["people", "erase", "--site", "clinic"]).0, Some(2), "whose?");
    assert_eq!(run(&["reclaim"]).0, Some(0));
    let (code, said) = run(&["site", "embed", "site.toml", "--lang", "en"]);
    assert!(code == Some(0) && said.starts_with("((DATA"), "{said}");
    let (code, said) = run(&["export", "--site", "clinic", "--output", "out.ndjson"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(run(&["verify", "out.ndjson"]).0, Some(0));
    for (filter, says) in [
        (["--purpose", "nope"].as_slice(), "no notice of this site has or had the purpose `nope`"),
        (&["--from", "2026-02-01", "--to", "2026-01-01"], "`to` must be later than `from`"),
    ] {
        let (code, said) = run(&[&["export", "--site", "clinic", "--output", "out.ndjson"], filter].concat());
        assert!(code == Some(1) && said.contains(says), "{said}");
    }
    assert_eq!(run(&["verify", "out.ndjson"]).0, Some(0), "what was there before is still there");
    let (code, said) = run(&["export", "--site", "nobody"]);
    assert!(code == Some(1) && said.contains("nobody"), "{said}");
}

/// A server on an address of the network that trusts its proxy took the command line's own requests for plain http; and a proxy
/// that the environment names was given the staff token.
#[test]
fn work_through_a_server_goes_straight_to_it_and_says_https_where_it_trusts_its_proxy() {
    let app = TestApp::empty();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = server.local_addr().unwrap().to_string();
    for (trusts, says) in [("true", true), ("false", false)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
        command.env_clear().current_dir(app.folder.path()).args(["export", "--site", "clinic"]);
        command.env("ASSENT_SERVER_LISTEN", &listen).env("ASSENT_SERVER_TRUST_FORWARDED_PROTO", trusts);
        // Asked as a proxy, it would be asked to connect.
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, format!("http://{listen}"));
        }
        let running = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (mut connection, _) = server.accept().unwrap();
        let mut head = [0; 4096];
        let length = connection.read(&mut head).unwrap();
        let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
        assert!(head.starts_with("get /v1/clinic/export"), "{head}");
        connection.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").unwrap();
        assert!(head.contains("authorization: bearer"), "{head}");
        assert_eq!(head.contains("x-forwarded-proto: https"), says, "{head}");
        drop(running.wait_with_output().unwrap());
    }
}

/// Anybody could keep connections for ever, each with the first line of a request.
#[test]
fn half_a_request_is_not_waited_for() {
    let folder = TestApp::empty().stopped();
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.env_clear().current_dir(folder.path()).arg("serve").env("ASSENT_LOG_FORMAT", "json");
    command.env("ASSENT_SERVER_LISTEN", "127.0.0.1:0").env("ASSENT_SERVER_IDLE_TIMEOUT_SECONDS", "1");
    let mut server = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = std::io::BufReader::new(server.stderr.take().unwrap()).lines();
    let address = log.find_map(|line| {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        line["address"].as_str().map(str::to_string)
    });
    let address = address.unwrap();
    let send = |text: &[u8]| {
        let mut connection = std::net::TcpStream::connect(&address).unwrap();
        connection.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        connection.write_all(text).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    };
    let head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
    let whole = send(format!("{head}\r\n").as_bytes());
    assert!(whole.starts_with("HTTP/1.1 200") && whole.matches("HTTP/1.1").count() == 1, "{whole}");
    let half = send(head.as_bytes());
    assert!(!half.contains("200 OK"), "{half}");
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn configuration_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let shown = assent(folder.path(), &["config", "--default"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), server::config::DEFAULT_TOML);
    let shown: Value = serde_json::from_slice(&assent(folder.path(), &["config", "--json"]).stdout).unwrap();
    assert_eq!(shown[0]["key"], "server.listen");
    let output = assent(folder.path(), &["--config", "missing.toml", "config"]);
    assert_eq!(output.status.code(), Some(2), "{}", out(&output));
}

/// What cannot be judged is not called damaged, and nobody is sent to look for the copy that is worked on.
#[tokio::test]
async fn another_operators_key_judges_nothing_and_what_is_missing_is_named_where_it_was() {
    let app = TestApp::new().await;
    app.records(json!({ "analytics": "yes" })).await;
    let folder = app.stopped();
    let path = folder.path();
    let other = path.join("other.key");
    std::fs::write(&other, OperatorKey::draw().unwrap().to_text().as_bytes()).unwrap();
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let verify = |key: &str| {
        let done = assent(path, &["verify", "data", "--operator-key", key, "--json"]);
        let said: Value = serde_json::from_slice(&done.stdout).unwrap();
        (done.status.code(), said)
    };
    assert_eq!(verify("assent.key").0, Some(0));
    let (code, said) = verify("other.key");
    assert_eq!((code, &said["holds"]), (Some(2), &Value::Null), "{said:#}");
    assert!(said["message"].as_str().unwrap().contains("another operator's key"), "{said:#}");
    std::fs::remove_file(path.join("data/keys/clinic/log.keys")).unwrap();
    let (code, said) = verify("assent.key");
    assert_eq!((code, said["sites"][0]["code"].as_str()), (Some(1), Some("log-unopened")), "{said:#}");
    assert!(
        said["sites"][0]["message"].as_str().unwrap().contains("`data/keys/clinic/log.keys`"),
        "{said:#}"
    );
}
