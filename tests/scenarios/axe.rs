//! axe-core, the checker of what a machine can tell about accessibility, inside the page under test.

use crate::harness::{Visitor, npm};
use serde_json::Value;
use std::fs;

/// Fails when axe finds a violation of WCAG 2.2 A or AA, or of its best practices, in what is on the screen.
pub(crate) async fn finds_nothing(visitor: &Visitor, what: &str) {
    let program = fs::read_to_string(npm("axe-core/axe.min.js")).unwrap();
    visitor.runs(&program).await;
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
