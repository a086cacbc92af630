//! The embed and its files: cached, compressed, whole.

use crate::app::{SITE, TestApp, to};
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use server::app::embed::script_name;
use server::app::sites::LogIs;

#[tokio::test]
async fn the_embed_carries_everything_and_is_not_sent_twice() {
    let app = TestApp::new().await;
    let answer = app.get("/v1/clinic/embed.js").await;
    let text = answer.text();
    assert!(text.starts_with("((DATA,HTML,CSS,ASSETS)=>{})({\"site\":\"clinic\""), "{text}");
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

#[tokio::test]
async fn an_embed_may_stand_inside_a_script_element() {
    let app = TestApp::new().await;
    let hostile =
        SITE.replacen("name = \"Analytics\"", "name = \"</script></SCRIPT><!--<script>\u{2028}\"", 1);
    assert_ne!(hostile, SITE);
    app.app.sites.apply(&hostile, None, LogIs::There).await.unwrap();
    let text = app.get("/v1/clinic/embed.js").await.text().to_lowercase();
    assert!(text.contains("\\u003c/script>") && text.contains("\\u003c!--<script>"), "{text}");
    for bad in ["</script", "<!--", "\u{2028}"] {
        assert!(!text.contains(bad), "{bad:?} in {text}");
    }
}

#[tokio::test]
async fn later_layers_are_texts_of_their_own_and_outlive_one_notice() {
    let app = TestApp::new().await;
    let first = layers_address(&app).await;
    let answer = app.get(&first).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
    assert_eq!(answer.header(header::CACHE_CONTROL), "public, max-age=31536000, immutable");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    let texts: assent_core::wire::LayerData = serde_json::from_slice(&answer.body).unwrap();
    let embed = app.get("/v1/clinic/embed.js").await.text();
    for purpose in texts.text.purposes.values() {
        assert!(!embed.contains(&purpose.retention), "what only a later layer says is not in the embed");
    }
    // An embed that a browser keeps for its five minutes still finds its texts; the one before that does not.
    for (round, status) in [(1, StatusCode::OK), (2, StatusCode::NOT_FOUND)] {
        let changed = SITE.replacen("title = \"", &format!("title = \"{round} "), 1);
        app.app.sites.apply(&changed, None, LogIs::There).await.unwrap();
        assert_eq!(app.get(&first).await.status, status, "after {round} more");
        assert_ne!(layers_address(&app).await, first);
    }
    let strange = app.get("/v1/clinic/layers/0123456789abcdef.json").await;
    assert_eq!(strange.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_embed_has_an_address_of_its_own_until_it_is_replaced_twice() {
    let app = TestApp::new().await;
    let embed = app.get("/v1/clinic/embed.js").await.body;
    let pinned = format!("/v1/clinic/embed/{}", script_name(&embed));
    let answer = app.get(&pinned).await;
    assert_eq!((answer.status, &answer.body), (StatusCode::OK, &embed));
    assert_eq!(answer.header(header::CONTENT_TYPE), "text/javascript; charset=utf-8");
    assert_eq!(answer.header(header::CACHE_CONTROL), "public, max-age=31536000, immutable");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    // Whoever answers to one name answers to no other.
    let layers = layers_address(&app).await;
    let crossed = [pinned.replace("/embed/", "/layers/"), layers.replace("/layers/", "/embed/")];
    for address in crossed.iter().map(String::as_str).chain(["/v1/clinic/embed/0123456789abcdef.js"]) {
        let answer = app.get(address).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (StatusCode::NOT_FOUND, &"not-found".into()),
            "{address}"
        );
    }
    for (round, status) in [(1, StatusCode::OK), (2, StatusCode::NOT_FOUND)] {
        let changed = SITE.replacen("title = \"", &format!("title = \"{round} "), 1);
        app.app.sites.apply(&changed, None, LogIs::There).await.unwrap();
        assert_eq!(app.get(&pinned).await.status, status, "after {round} more");
    }
}

async fn layers_address(app: &TestApp) -> String {
    let text = app.get("/v1/clinic/embed.js").await.text();
    let rest = text.split("\"layers\":\"https://privacy.example.org").nth(1).unwrap();
    rest.split('"').next().unwrap().to_string()
}

#[tokio::test]
async fn the_types_have_an_address() {
    let answer = TestApp::empty().get("/v1/assent.d.ts").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text().contains("interface Assent"));
}
