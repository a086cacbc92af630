//! The API reference, made readable from an OpenAPI 3.1 document.
//!
//! Reads what it shows from the JSON value and leaves out what it does not know, so any valid document gives a
//! page. Problem codes come from an operation's or an answer's `x-problem-codes` (a list of codes) and from the
//! names of the examples of `application/problem+json`. English only. Making the document is `server`'s task.

use super::layout::{link, plain_document};
use leptos::prelude::*;
use serde_json::{Map, Value};

/// What the page needs.
#[derive(Debug, Clone)]
pub struct ReferenceProps {
    /// Address of the stylesheet.
    pub stylesheet: String,
    /// The OpenAPI document.
    pub openapi: Value,
    /// Address of the OpenAPI document itself.
    pub openapi_url: String,
    /// Address of the problem pages, without the code and the slash before it: `{public_url}/problems`.
    pub problems_url: String,
}

/// The methods of OpenAPI, in the order shown.
const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];

/// How deep references are followed.
const DEEPEST: usize = 8;

/// One operation, found in the document.
struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    item: &'a Value,
    value: &'a Value,
}

/// The whole document.
#[must_use]
pub fn render(props: &ReferenceProps) -> String {
    let spec = &props.openapi;
    let info = &spec["info"];
    let groups = groups(spec);
    let contents = groups
        .iter()
        .map(|(tag, operations)| {
            let each = operations
                .iter()
                .map(|operation| {
                    let name = format!("{} {}", operation.method.to_uppercase(), operation.path);
                    view! { <li><a href=format!("#{}", operation.id())>{name}</a></li> }
                })
                .collect_view();
            view! { <div><p class="strong">{tag.to_string()}</p><ul>{each}</ul></div> }
        })
        .collect_view();
    let sections = groups
        .iter()
        .map(|(tag, operations)| {
            let id = anchor("tag", tag);
            let about = described(spec, tag);
            let each = operations.iter().map(|operation| operation_card(props, operation)).collect_view();
            view! {
                <section aria-labelledby=id.clone()>
                    <h2 id=id.clone()>{tag.to_string()}</h2>
                    {prose(about)}
                    {each}
                </section>
            }
        })
        .collect_view();
    let schemas = schemas(spec);
    let title =
        info["title"].as_str().map_or("API reference".to_string(), |title| format!("{title} API reference"));
    let main = view! {
        <p class="who">"Version "{text(&info["version"])}" · OpenAPI "{text(&spec["openapi"])}</p>
        <h1>{title.clone()}</h1>
        {prose(&text(&info["description"]))}
        <p>{link(&props.openapi_url, "The OpenAPI document (JSON)".into())}</p>
        <nav class="contents" aria-label="Operations">{contents}</nav>
        {sections}
        {schemas}
    };
    plain_document(&props.stylesheet, &title, main.into_any())
}

impl Operation<'_> {
    fn id(&self) -> String {
        anchor(self.method, self.path)
    }
}

/// The operations by their first tag, in the order of the document's own tags, then by name.
fn groups(spec: &Value) -> Vec<(String, Vec<Operation<'_>>)> {
    let mut groups: Vec<(String, Vec<Operation<'_>>)> =
        list(&spec["tags"]).map(|tag| (text(&tag["name"]), Vec::new())).collect();
    for (path, item) in entries(&spec["paths"]) {
        for method in METHODS {
            let Some(value) = item.get(method) else { continue };
            let tag = list(&value["tags"]).next().map_or("Other".to_string(), text);
            let operation = Operation { method, path, item, value };
            match groups.iter_mut().find(|(name, _)| *name == tag) {
                Some((_, operations)) => operations.push(operation),
                None => groups.push((tag, vec![operation])),
            }
        }
    }
    groups.retain(|(_, operations)| !operations.is_empty());
    groups
}

fn described<'a>(spec: &'a Value, tag: &str) -> &'a str {
    list(&spec["tags"])
        .find(|one| one["name"] == tag)
        .and_then(|one| one["description"].as_str())
        .unwrap_or("")
}

fn operation_card(props: &ReferenceProps, operation: &Operation<'_>) -> AnyView {
    let spec = &props.openapi;
    let value = operation.value;
    let id = operation.id();
    let summary =
        value["summary"].as_str().map(|summary| view! { <p class="strong">{code_spans(summary)}</p> });
    let codes = problem_codes(value);
    let codes = (!codes.is_empty()).then(|| {
        let each = codes
            .into_iter()
            .map(|code| view! { <li>{link(&format!("{}/{code}", props.problems_url), code.clone())}</li> })
            .collect_view();
        view! {
            <h4>"Problem codes"</h4>
            <ul>{each}</ul>
        }
    });
    view! {
        <article class="card operation" aria-labelledby=id.clone()>
            <h3 id=id.clone()>
                <span class="method">{operation.method.to_uppercase()}</span>
                <code>{operation.path.to_string()}</code>
            </h3>
            {summary}
            {prose(&text(&value["description"]))}
            {access(value)}
            {parameters(spec, operation)}
            {request(spec, value)}
            {answers(spec, value)}
            {codes}
        </article>
    }
    .into_any()
}

fn access(value: &Value) -> Option<AnyView> {
    let names: Vec<String> =
        list(&value["security"]).flat_map(entries).map(|(name, _)| name.to_string()).collect();
    (!names.is_empty()).then(|| view! { <p class="route">"Needs: "{names.join(", or ")}</p> }.into_any())
}

fn parameters(spec: &Value, operation: &Operation<'_>) -> Option<AnyView> {
    let all: Vec<&Value> = list(&operation.item["parameters"])
        .chain(list(&operation.value["parameters"]))
        .map(|parameter| resolve(spec, parameter))
        .collect();
    if all.is_empty() {
        return None;
    }
    let rows = all
        .into_iter()
        .map(|parameter| {
            let needed = if parameter["required"] == true { "required" } else { "optional" };
            view! {
                <tr>
                    <th scope="row"><code>{text(&parameter["name"])}</code></th>
                    <td>{text(&parameter["in"])}", "{needed}</td>
                    <td>{kind(&parameter["schema"], 0)}</td>
                    <td>{code_spans(&text(&parameter["description"]))}</td>
                </tr>
            }
        })
        .collect_view();
    let head = view! {
        <tr><th scope="col">"Name"</th><th scope="col">"Where"</th><th scope="col">"Type"</th><th scope="col">"Meaning"</th></tr>
    };
    let table = table("Parameters", head.into_any(), rows.into_any());
    Some(view! { <h4>"Parameters"</h4>{table} }.into_any())
}

fn request(spec: &Value, value: &Value) -> Option<AnyView> {
    let body = resolve(spec, value.get("requestBody")?);
    Some(
        view! {
            <h4>"Request body"</h4>
            {prose(&text(&body["description"]))}
            {content(&body["content"])}
        }
        .into_any(),
    )
}

fn answers(spec: &Value, value: &Value) -> Option<AnyView> {
    let each = entries(&value["responses"])
        .map(|(status, answer)| {
            let answer = resolve(spec, answer);
            let headers: Vec<String> =
                entries(&answer["headers"]).map(|(name, _)| name.to_string()).collect();
            let headers =
                (!headers.is_empty()).then(|| view! { <p class="route">"Headers: "{headers.join(", ")}</p> });
            view! {
                <dt><code>{status.to_string()}</code></dt>
                <dd>{prose(&text(&answer["description"]))}{headers}{content(&answer["content"])}</dd>
            }
        })
        .collect_view();
    let any = entries(&value["responses"]).next().is_some();
    any.then(|| {
        view! {
            <h4>"Answers"</h4>
            <dl class="facts">{each}</dl>
        }
        .into_any()
    })
}

/// What a body may be: each media type, with its fields where the schema is written in place.
fn content(content: &Value) -> AnyView {
    entries(content)
        .map(|(media, body)| {
            let schema = &body["schema"];
            let shape = (!schema.is_null()).then(|| view! { <span>": "{kind(schema, 0)}</span> });
            view! {
                <p><code>{media.to_string()}</code>{shape}</p>
                {fields(schema)}
            }
        })
        .collect_view()
        .into_any()
}

fn schemas(spec: &Value) -> Option<AnyView> {
    let all = spec["components"]["schemas"].as_object().filter(|all| !all.is_empty())?;
    let each = all
        .iter()
        .map(|(name, schema)| {
            let id = anchor("schema", name);
            let shape = schema["properties"].is_null().then(|| view! { <p>{kind(schema, 0)}</p> });
            view! {
                <article class="card operation" aria-labelledby=id.clone()>
                    <h3 id=id.clone()><code>{name.clone()}</code></h3>
                    {prose(&text(&schema["description"]))}
                    {shape}
                    {fields(schema)}
                </article>
            }
        })
        .collect_view();
    Some(
        view! {
            <section aria-labelledby="schemas">
                <h2 id="schemas">"Bodies"</h2>
                {each}
            </section>
        }
        .into_any(),
    )
}

/// The fields of an object's schema as a table.
fn fields(schema: &Value) -> Option<AnyView> {
    let properties = schema["properties"].as_object().filter(|all| !all.is_empty())?;
    let rows = properties
        .iter()
        .map(|(name, field)| {
            let needed = list(&schema["required"]).any(|one| one == name.as_str());
            let needed = if needed { "required" } else { "optional" };
            view! {
                <tr>
                    <th scope="row"><code>{name.clone()}</code></th>
                    <td>{kind(field, 0)}", "{needed}</td>
                    <td>{code_spans(&text(&field["description"]))}</td>
                </tr>
            }
        })
        .collect_view();
    let head = view! {
        <tr><th scope="col">"Field"</th><th scope="col">"Type"</th><th scope="col">"Meaning"</th></tr>
    };
    Some(table("Fields", head.into_any(), rows.into_any()))
}

/// A table in a box that scrolls by itself, so that the page never has to.
fn table(label: &'static str, head: AnyView, rows: AnyView) -> AnyView {
    view! {
        <div class="scroll" role="region" aria-label=label tabindex="0">
            <table>
                <thead>{head}</thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// A schema's type in words.
fn kind(schema: &Value, depth: usize) -> AnyView {
    if depth > DEEPEST {
        return "…".into_any();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|address| address.rsplit('/').next()) {
        let address = format!("#{}", anchor("schema", name));
        return view! { <a href=address><code>{name.to_string()}</code></a> }.into_any();
    }
    for joined in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema[joined].as_array() {
            let word = if joined == "allOf" { " and " } else { " or " };
            let parts = parts.iter().enumerate().map(|(index, part)| {
                let before = if index == 0 { "" } else { word };
                (before, kind(part, depth + 1))
            });
            return parts.collect_view().into_any();
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values.iter().enumerate().map(|(index, value)| {
            let before = if index == 0 { "" } else { " | " };
            view! { {before}<code>{literal(value)}</code> }
        });
        return values.collect_view().into_any();
    }
    if let Some(value) = schema.get("const") {
        return view! { <code>{literal(value)}</code> }.into_any();
    }
    let types: Vec<String> = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect(),
        Value::Null => vec![],
        one => vec![text(one)],
    };
    if types.iter().any(|one| one == "array") {
        return view! { "list of "{kind(&schema["items"], depth + 1)} }.into_any();
    }
    if schema["additionalProperties"].is_object() {
        return view! { "map of "{kind(&schema["additionalProperties"], depth + 1)} }.into_any();
    }
    let name = if types.is_empty() { "anything".to_string() } else { types.join(" or ") };
    match schema["format"].as_str() {
        Some(format) => format!("{name} ({format})").into_any(),
        None => name.into_any(),
    }
}

fn literal(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

fn problem_codes(operation: &Value) -> Vec<String> {
    let mut codes: Vec<String> = list(&operation["x-problem-codes"]).map(text).collect();
    for (_, answer) in entries(&operation["responses"]) {
        codes.extend(list(&answer["x-problem-codes"]).map(text));
        let examples = &answer["content"]["application/problem+json"]["examples"];
        codes.extend(entries(examples).map(|(code, _)| code.to_string()));
    }
    codes.sort();
    codes.dedup();
    codes
}

/// Follows a reference inside the document; what cannot be followed stays as it is.
fn resolve<'a>(spec: &'a Value, mut value: &'a Value) -> &'a Value {
    for _ in 0..DEEPEST {
        let Some(pointer) = value["$ref"].as_str().and_then(|address| address.strip_prefix('#')) else {
            break;
        };
        match spec.pointer(pointer) {
            Some(found) => value = found,
            None => break,
        }
    }
    value
}

/// A description's paragraphs.
fn prose(text: &str) -> AnyView {
    text.split("\n\n")
        .filter(|paragraph| !paragraph.trim().is_empty())
        .map(|paragraph| view! { <p>{code_spans(paragraph)}</p> })
        .collect_view()
        .into_any()
}

/// Text with its `code` marked up, as documentation comments write it.
fn code_spans(text: &str) -> AnyView {
    text.split('`')
        .enumerate()
        .map(|(index, part)| {
            let part = part.to_string();
            if index % 2 == 1 { view! { <code>{part}</code> }.into_any() } else { part.into_any() }
        })
        .collect_view()
        .into_any()
}

/// An id that can stand in an address.
fn anchor(before: &str, name: &str) -> String {
    let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{before}-{}", safe.trim_matches('-'))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}
