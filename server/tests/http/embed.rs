//! The embed and its files: cached, compressed, whole.

use crate::app::{TestApp, to};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};

#[tokio::test]
async fn the_embed_carries_everything_and_is_not_sent_twice() {
    let app = TestApp::new().await;
    let answer = app.get("/v1/clinic/embed.js").await;
    let text = answer.text();
    assert!(text.starts_with("((DATA,HTML,CSS,ASSETS)=>{})({\"site\":\"clinic\""), "{text}");
    assert!(!text.contains('<'), "safe inside a script element");
    assert_eq!(answer.header(header::CACHE_CONTROL), "public, max-age=300");
    let etag = answer.header(header::ETAG);
    let held = to(Method::GET, "/v1/clinic/embed.js").header(header::IF_NONE_MATCH, etag);
    assert_eq!(app.ask(held.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_MODIFIED);
    let packed = to(Method::GET, "/v1/clinic/embed.js").header(header::ACCEPT_ENCODING, "gzip, br");
    let packed = app.ask(packed.body(Body::empty()).unwrap()).await;
    assert_eq!(packed.header(header::CONTENT_ENCODING), "br");
    let mut unpacked = Vec::new();
    brotli::BrotliDecompress(&mut packed.body.as_slice(), &mut unpacked).unwrap();
    assert_eq!(unpacked, answer.body);
    let wasm =
        text.split("\"wasm\":\"https://privacy.example.org").nth(1).unwrap().split('"').next().unwrap();
    let wasm = app.get(wasm).await;
    assert_eq!(wasm.header(header::CONTENT_TYPE), "application/wasm");
    assert!(wasm.header(header::ETAG).starts_with("W/"), "one tag for two encodings is a weak one");
    assert_eq!(wasm.header(header::CACHE_CONTROL), "public, max-age=31536000, immutable");
    assert_eq!(wasm.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
}
