//! `postgres_peer LISTEN DATABASE_URL`: the consent recorder that most people would write first: one INSERT per request with
//! PostgreSQL's default durability, a pool of sixteen connections. It reads the same request and keeps the same facts, but seals,
//! hashes, signs and proves nothing, and answers with the id alone. `cargo xtask bench ledger` compares with it.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use assent_core::wire::{DecisionRequest, SUBJECT_HEADER};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

const TABLE: &str = "CREATE TABLE decisions (
    id uuid PRIMARY KEY, subject text NOT NULL, key text NOT NULL, origin text NOT NULL,
    recorded timestamptz NOT NULL DEFAULT now(), request text NOT NULL)";
const INSERT: &str =
    "INSERT INTO decisions (id, subject, key, origin, request) VALUES ($1::uuid, $2, $3, $4, $5)";

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().context("postgres_peer LISTEN DATABASE_URL")?;
    let database = arguments.next().context("postgres_peer LISTEN DATABASE_URL")?;
    let pool = PgPoolOptions::new().min_connections(16).max_connections(16).connect(&database).await?;
    sqlx::query(TABLE).execute(&pool).await?;
    let service = Router::new()
        .route("/readyz", get(async || "ready"))
        .route("/v1/{site}/decisions", post(decide))
        .with_state(Arc::new(pool));
    axum::serve(tokio::net::TcpListener::bind(listen).await?, service).await?;
    Ok(())
}

async fn decide(
    State(pool): State<Arc<PgPool>>,
    headers: HeaderMap,
    Json(request): Json<DecisionRequest>,
) -> Result<Response, StatusCode> {
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(StatusCode::BAD_REQUEST);
    let id = Uuid::now_v7();
    let request = serde_json::to_string(&request).map_err(|_| StatusCode::BAD_REQUEST)?;
    let insert =
        sqlx::query(INSERT).bind(id.to_string()).bind(text(SUBJECT_HEADER)?).bind(text("idempotency-key")?);
    let insert = insert.bind(text(header::ORIGIN.as_str())?).bind(request);
    insert.execute(&*pool).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok((StatusCode::CREATED, Json(serde_json::json!({ "id": id }))).into_response())
}
