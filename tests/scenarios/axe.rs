//! axe-core, the checker of what a machine can tell about accessibility, inside the page under test.

use crate::harness::{Visitor, tests_folder};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;
use std::fs::{self, File};
use std::process::Command;

/// Fails when axe finds a violation of WCAG 2.2 A or AA, or of its best practices, in what is on the screen.
pub(crate) async fn finds_nothing(visitor: &Visitor, what: &str) {
    visitor.runs(&program()).await;
    let result = visitor
        .runs_to_its_end(
            "const done = arguments[arguments.length - 1];
             axe.run(document, { resultTypes: ['violations'] }).then(
                 ({ violations }) => done(violations.map(({ id, help, nodes }) =>
                     ({ id, help, nodes: nodes.map(({ target, failureSummary }) => ({ target, failureSummary })) }))),
                 (error) => done([String(error)]))",
        )
        .await;
    assert_eq!(result, Value::Array(Vec::new()), "{what}: {result:#}");
}

/// The program's text. npm installs it once, from the lockfile; tests that run side by side wait for each other.
fn program() -> String {
    let folder = tests_folder();
    let file = folder.join("node_modules/axe-core/axe.min.js");
    if !file.is_file() {
        let lock = File::open(folder.join("package-lock.json")).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        if !file.is_file() {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
                .current_dir(folder);
            assert!(npm.status().unwrap().success(), "npm ci failed in {}", folder.display());
        }
    }
    fs::read_to_string(&file).unwrap()
}
