//! The configuration: every key explained and overridable, nothing stale, nothing risky.

use server::config::{DEFAULT_TOML, Environment, load, settings};

fn with(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect()
}

#[test]
fn the_defaults_load_and_every_key_is_explained() {
    let loaded = load(None, &with(&[])).unwrap();
    let settings = settings(&loaded);
    assert_eq!(settings.len(), DEFAULT_TOML.lines().filter(|line| line.contains(" = ")).count());
    for setting in &settings {
        assert!(setting.doc.len() > 20, "{} has no explanation", setting.key);
        // Numbers were shown as nothing at all, and nothing is equal to nothing.
        let line = format!("{} = {}", setting.key.split('.').nth(1).unwrap(), setting.default);
        assert!(DEFAULT_TOML.lines().any(|written| written == line), "default.toml has no line `{line}`");
        assert_eq!((setting.value.as_str(), setting.origin.as_str()), (setting.default.as_str(), "default"));
    }
}

#[test]
fn every_key_has_its_variable_and_says_where_its_value_came_from() {
    for setting in settings(&load(None, &with(&[])).unwrap()) {
        let value = match setting.key.as_str() {
            "server.listen" | "witness.listen" => "127.0.0.1:1",
            "witness.prefix" => "/w1",
            "server.trust_forwarded_proto" | "ledger.accept_clock" | "gateway.replies" => "true",
            "gateway.kind" => "kannel",
            "staff.token_sha256" => &"0".repeat(64),
            "maintenance.hour_utc" | "backup.keep_days" => "5",
            "log.format" => "json",
            "mail.tls" => "none",
            "mail.from" => "alerts@example.org",
            "log.level" => "warn",
            key if key.ends_with("_dir") || key.ends_with("_file") => "elsewhere",
            _ => "5000",
        };
        // A name and a password go together.
        let mut variables = vec![(setting.variable.as_str(), value)];
        variables.extend(match setting.key.as_str() {
            "mail.username" => vec![("ASSENT_MAIL_PASSWORD", "secret")],
            "mail.password" | "mail.password_file" => vec![("ASSENT_MAIL_USERNAME", "name")],
            "gateway.kind" => KANNEL[1..].to_vec(),
            _ => Vec::new(),
        });
        let loaded = load(None, &with(&variables)).unwrap_or_else(|error| panic!("{}: {error}", setting.key));
        let now = settings(&loaded).into_iter().find(|now| now.key == setting.key).unwrap();
        assert_eq!(now.origin, "environment", "{}", setting.key);
        let secrets = [
            "gateway.inbound_secret",
            "gateway.password",
            "ledger.key",
            "mail.bounce_token",
            "mail.password",
            "staff.token_sha256",
        ];
        let hidden = secrets.contains(&setting.key.as_str());
        assert_eq!(now.value == "(hidden)", hidden);
        assert!(hidden || now.value.trim_matches('"') == value, "{}: {}", setting.key, now.value);
    }
}

/// A gateway that is set up well.
const KANNEL: [(&str, &str); 4] = [
    ("ASSENT_GATEWAY_KIND", "kannel"),
    ("ASSENT_GATEWAY_URL", "http://127.0.0.1:13013/cgi-bin/sendsms"),
    ("ASSENT_GATEWAY_USERNAME", "assent"),
    ("ASSENT_GATEWAY_PASSWORD", "secret"),
];

#[test]
fn a_gateway_that_cannot_work_or_is_not_safe_is_refused() {
    assert!(load(None, &with(&KANNEL)).is_ok());
    for (name, value, says) in [
        ("ASSENT_GATEWAY_KIND", "carrier-pigeon", "carrier-pigeon"),
        ("ASSENT_GATEWAY_KIND", "notify", "gateway.template is missing"),
        ("ASSENT_GATEWAY_URL", "http://kannel.example.org/cgi-bin/sendsms", "use https"),
        ("ASSENT_GATEWAY_URL", "http://localhost.example.org/", "use https"),
        ("ASSENT_GATEWAY_URL", "ftp://127.0.0.1/", "https://"),
        ("ASSENT_GATEWAY_URL", "", "gateway.url is missing"),
        ("ASSENT_GATEWAY_USERNAME", "", "gateway.username is missing"),
        ("ASSENT_GATEWAY_PASSWORD", "", "exactly one of gateway.password"),
        ("ASSENT_GATEWAY_PASSWORD_FILE", "elsewhere", "exactly one of gateway.password"),
        ("ASSENT_GATEWAY_REPLIES", "true", "gateway.inbound_secret"),
        ("ASSENT_GATEWAY_TIMEOUT_SECONDS", "0", "at least 1"),
    ] {
        let variables = [&KANNEL[..], &[(name, value)]].concat();
        let error = load(None, &with(&variables)).expect_err(name).to_string();
        assert!(error.contains(says), "{name}: {error}");
    }
}

#[test]
fn what_is_risky_is_refused_with_the_way_out() {
    let among = [("ASSENT_BACKUP_DIR", "backups"), ("ASSENT_LEDGER_KEY_FILE", "backups/assent.key")];
    let error = load(None, &with(&among)).expect_err("the key among the backups").to_string();
    assert!(error.contains("ledger.key_file is inside backup.dir"), "{error}");
    for (name, value, says) in [
        ("ASSENT_SERVER_LISTEN", "0.0.0.0:80", "trust_forwarded_proto"),
        ("ASSENT_SERVER_LISTN", "127.0.0.1:1", "assent config"),
        ("ASSENT_LEDGER_KEY_FILE", "data/keys/../key", "move it elsewhere"),
        ("ASSENT_BACKUP_DIR", "data/backups", "move it elsewhere"),
        ("ASSENT_BACKUP_KEEP_DAYS", "31", "within a month"),
        ("ASSENT_STAFF_TOKEN_SHA256", "secret", "64 lowercase hex"),
        ("ASSENT_LIMITS_QUEUE", "0", "at least 1"),
        ("ASSENT_LIMITS_QUEUE", "many", "whole number"),
        ("ASSENT_WITNESS_PREFIX", "w1", "witness.prefix"),
        ("ASSENT_WITNESS_PREFIX", "/w1/", "witness.prefix"),
        ("ASSENT_WITNESS_PREFIX", "/{log}", "witness.prefix"),
        ("ASSENT_LOG_LEVEL", "server=lots", "log.level"),
    ] {
        let error = load(None, &with(&[(name, value)])).expect_err(name).to_string();
        assert!(error.contains(says), "{name}: {error}");
        assert!(!error.contains("secret"));
    }
}

#[test]
fn a_file_says_where_its_paths_begin_and_unknown_keys_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("assent.toml");
    std::fs::write(&file, "[server]\ndata_dir = \"d\"\n").unwrap();
    let loaded = load(Some(&file), &with(&[])).unwrap();
    assert_eq!(loaded.config.server.data_dir.relative(), folder.path().join("d"));
    std::fs::write(&file, "[server]\ndata_dri = \"d\"\n").unwrap();
    let error = load(Some(&file), &with(&[])).unwrap_err().to_string();
    assert!(error.contains("data_dri"), "{error}");
}
