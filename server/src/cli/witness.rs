//! `assent witness`: make a witness's key, and run a witness.
//!
//! Everything comes from the `[witness]` section of the configuration; flags win over it. Nothing here concerns the
//! sites of this configuration.

use crate::config::{Loaded, Witness as Config};
use crate::http::witness_router;
use crate::witness::state::State;
use crate::witness::{Witness, key};
use anyhow::{Context as _, bail};
use assent_core::policy::Policy;
use clap::Subcommand;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the witness's public key. With --name, make the key and its empty state first, once.
    Key {
        /// Name of a new witness: a URL without scheme that is yours, such as witness.example.org. It is for good.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Run the witness. Stops cleanly on Ctrl-C or SIGTERM.
    Serve {
        /// Address and port to listen on.
        #[arg(long)]
        listen: Option<SocketAddr>,
        /// File in tlog-policy format whose `log` lines name the logs to watch.
        #[arg(long, value_name = "FILE")]
        policy_file: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the witness lies.
#[derive(Debug, clap::Args)]
struct Place {
    /// Folder of the witness's state.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// File with the witness's private key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Place {
    fn data_dir(&self, config: &Config) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| config.data_dir.relative())
    }

    fn key_file(&self, config: &Config) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| config.key_file.relative())
    }
}

pub(super) fn run(loaded: Loaded, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = &loaded.config.witness;
    match arguments.command {
        Command::Key { name, place } => {
            let (data_dir, key_file) = (place.data_dir(config), place.key_file(config));
            let vkey = match name {
                Some(name) => {
                    if data_dir.join("witness").exists() {
                        bail!(
                            "{} already holds a witness's state: leave --name out to see its key",
                            data_dir.display()
                        );
                    }
                    // The key comes first: a key without state is refused for ever, a state without key is of no use.
                    let key = key::create(&key_file, &name)?.verifier();
                    State::create(&data_dir, &key)?;
                    super::note(format_args!(
                        "made a new witness: its key is {}, its state {}; never bring back an older copy of the state",
                        key_file.display(),
                        data_dir.display()
                    ));
                    key
                }
                None => key::read(&key_file)?.verifier(),
            };
            super::data(&format!("{vkey}\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve { listen, policy_file, place } => {
            super::serve::start_log(&loaded.config);
            let policy_file = policy_file.unwrap_or_else(|| config.policy_file.relative());
            let policy = std::fs::read(&policy_file).with_context(|| {
                format!(
                    "cannot read {}, which names the logs to watch (witness.policy_file)",
                    policy_file.display()
                )
            })?;
            let policy = Policy::parse_bytes(&policy)
                .with_context(|| format!("{} is not a policy", policy_file.display()))?;
            let key = key::read(&place.key_file(config))?;
            let witness = Witness::open(&place.data_dir(config), key, &policy)?;
            let server = &loaded.config.server;
            let idle = Duration::from_secs(server.idle_timeout_seconds);
            let grace = Duration::from_secs(server.shutdown_grace_seconds);
            let runtime = super::runtime()?;
            let listen = listen.unwrap_or(config.listen);
            runtime.block_on(serve(listen, &config.prefix, (idle, grace), witness))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn serve(
    listen: SocketAddr,
    prefix: &str,
    (idle, grace): (Duration, Duration),
    witness: Witness,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen} (witness.listen)"))?;
    let address = listener.local_addr()?;
    tracing::info!(%address, key = %witness.verifier(), logs = witness.watched(), "witness listening");
    let router = witness_router(prefix, Arc::new(witness));
    // What was judged is kept before it is answered, so a request that is cut off loses nothing.
    super::listen::until(super::serve::signal(), listener, router, idle, grace).await;
    tracing::info!("stopped");
    Ok(())
}
