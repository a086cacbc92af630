//! Pages of a test's own, beside an example site: for what no example shows.
//!
//! They live on another port of the site's host, so they share its cookies; the site file in force declares the origin.

use axum::Router;
use axum::http::{Uri, header};
use axum::response::IntoResponse as _;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;

use super::stack::{Site, Stack, free_port};

/// A few pages of one site.
pub(crate) struct Pages {
    /// Their origin.
    pub(crate) origin: String,
}

impl Pages {
    /// Serves `body` (what stands in a page, or a whole document) as a page of the site at every path, `%TAG%` in it replaced by the embed's
    /// address, which is another one for each set of pages, so that no browser has kept an older embed of it; paths that end in `.js`, `.css` and `.html` have small files of their kind. Then publishes the site's file with this origin and after `change`.
    pub(crate) async fn of(
        stack: &Stack,
        id: &'static str,
        body: &str,
        change: impl FnOnce(String) -> String,
    ) -> Self {
        let Site { api, .. } = stack.site(id);
        let port = free_port();
        let origin = format!("http://{id}.localhost:{port}");
        let tag = format!("{api}/embed.js?pages={port}");
        let body = body.replace("%TAG%?", &format!("{tag}&")).replace("%TAG%", &tag);
        let head = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>
             <title>A page</title>";
        let html = if body.contains("<!doctype html>") { body } else { format!("{head}{body}") };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let answer = async move |uri: Uri| {
            let (kind, text) = match uri.path().rsplit_once('.') {
                // Says that it ran, and how often.
                Some((_, "js")) => ("text/javascript", format!("(window.ran ||= []).push({:?})", uri.path())),
                Some((_, "css")) => ("text/css", "h1 { color: rgb(1, 2, 3) }".to_string()),
                Some((_, "html")) => ("text/html", "<p>A frame".to_string()),
                _ => ("text/html; charset=utf-8", html),
            };
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        };
        tokio::spawn(async { axum::serve(listener, Router::new().fallback(answer)).await });
        let file = stack.site_file(id).replacen("origins = [", &format!("origins = [\"{origin}\", "), 1);
        let path = stack.path("pages.toml");
        std::fs::write(&path, change(file) + "\n[log]\ncheckpoint_seconds = 0\n").unwrap();
        stack.runs_well(&["site", "apply", path.to_str().unwrap()]);
        Self { origin }
    }
}
