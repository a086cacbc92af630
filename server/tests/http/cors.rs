//! Only pages of declared origins read answers, and with credentials.

use crate::app::{ORIGIN, TestApp, to};
use axum::body::Body;
use axum::http::{Method, header};

#[tokio::test]
async fn declared_origins_only() {
    let app = TestApp::new().await;
    for (path, origin, allowed) in [
        ("/v1/clinic/decisions", ORIGIN, true),
        ("/v1/clinic/decisions", "https://evil.example", false),
        ("/v1/clinic/decisions", "null", false),
        ("/v1/nobody/decisions", ORIGIN, false),
        ("/metrics", ORIGIN, false),
    ] {
        let request = to(Method::OPTIONS, path)
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type,idempotency-key,assent-subject");
        let answer = app.ask(request.body(Body::empty()).unwrap()).await;
        assert!(answer.status.is_success());
        let expected = if allowed { origin } else { "" };
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), expected, "{path} {origin}");
        if allowed {
            assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), "true");
            assert_eq!(
                answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS),
                "content-type,idempotency-key,assent-subject"
            );
        }
    }
}
