//! `no_storage CONFIG`: the server of `assent serve`, with the same checks, that answers decisions without recording them, for
//! `cargo xtask bench ledger`. Never for visitors: what it answers 201 to is gone.

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let config = std::env::args_os().nth(1).ok_or_else(|| anyhow::anyhow!("no_storage CONFIG"))?;
    server::cli::serve_without_storage(config.into())
}
