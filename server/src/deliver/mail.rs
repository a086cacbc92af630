//! Handing messages to a mail server (SMTP submission, RFC 6409).
//!
//! What is in a message, when it is sent and how often it is tried are not decided here. A message that the server took is its
//! business from then on; signing with DKIM is the mail server's too.

use super::{SendError, certificate_fault};
use crate::config::{Mail as Config, MailTls, secret};
use anyhow::Context as _;
use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use std::time::Duration;

/// Answers by which a mail server refuses us, not the recipient: they pass when the configuration is mended.
const ABOUT_US: [u16; 8] = [502, 503, 504, 530, 534, 535, 538, 454];

/// One message to one address.
#[derive(Clone)]
pub struct Mail {
    /// Who sends: name and address.
    pub from: (String, String),
    /// The address it goes to.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// The same in plain text and as HTML. Neither loads anything.
    pub text: String,
    /// As `text`.
    pub html: String,
    /// Language of all of it (BCP 47).
    pub language: String,
    /// What makes this message the same message when it is sent again: visible ASCII without spaces.
    pub id: String,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A connection to the configured mail server, made when it is needed.
#[derive(Debug)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    /// For all of one message, from the connection on: the transport's own is for the connection alone.
    timeout: Duration,
}

impl Mailer {
    /// For the configured server; nothing when none is.
    ///
    /// # Errors
    /// A file that cannot be read, or a certificate that is none.
    pub fn new(config: &Config) -> anyhow::Result<Option<Self>> {
        if config.host.is_empty() {
            return Ok(None);
        }
        let parameters = || -> anyhow::Result<TlsParameters> {
            let mut builder = TlsParameters::builder(config.host.clone());
            if !config.ca_file.original().as_os_str().is_empty() {
                let path = config.ca_file.relative();
                let pem = std::fs::read(&path)
                    .with_context(|| format!("cannot read {} (mail.ca_file)", path.display()))?;
                builder = builder.add_root_certificate(
                    Certificate::from_pem(&pem).context("mail.ca_file is no PEM certificate")?,
                );
            }
            Ok(builder.build()?)
        };
        let tls = match config.tls {
            MailTls::Starttls => Tls::Required(parameters()?),
            MailTls::Tls => Tls::Wrapper(parameters()?),
            MailTls::None => Tls::None,
        };
        let timeout = Duration::from_secs(config.timeout_seconds);
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls)
            .timeout(Some(timeout));
        if !config.username.is_empty() {
            builder = builder.credentials(Credentials::new(
                config.username.clone(),
                secret(&config.password, &config.password_file, "mail.password_file")?,
            ));
        }
        Ok(Some(Self { transport: builder.build(), timeout }))
    }

    /// Hands a message over. When it returns well, the server has taken it.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let message = message(mail)?;
        match tokio::time::timeout(self.timeout, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Err(_) => Err(SendError::Away("no answer in time".into())),
            Ok(Err(error)) => {
                if let Some(fault) = certificate_fault(&error) {
                    return Err(SendError::Away(fault.into()));
                }
                let status = error.status().map(u16::from);
                // A server's own words may repeat the address.
                match status {
                    Some(code) if error.is_permanent() && !ABOUT_US.contains(&code) => {
                        Err(SendError::Refused(code.to_string()))
                    }
                    Some(code) => Err(SendError::Later(code.to_string())),
                    // It was asked and cannot (RFC 6531), today and tomorrow; others' addresses it can.
                    None if error.is_client() && !mail.to.is_ascii() => {
                        Err(SendError::Refused("the mail server takes no address with such letters".into()))
                    }
                    None if error.is_timeout() => Err(SendError::Away("no answer in time".into())),
                    None if error.is_tls() => Err(SendError::Away("no encrypted connection".into())),
                    None => Err(SendError::Away("no connection".into())),
                }
            }
        }
    }
}

fn message(mail: &Mail) -> Result<Message, SendError> {
    let address = |text: &str| text.parse::<Address>();
    let refused = |reason: &str| SendError::Refused(reason.to_string());
    let (name, from) = &mail.from;
    // Ours to mend, in the site file; the message waits for it.
    let from = address(from).map_err(|_| SendError::Later("the sender's address cannot be one".into()))?;
    let to = address(&mail.to).map_err(|_| refused("the address cannot be written to"))?;
    let domain = from.domain().to_string();
    // Given, and not read out of the headers: whatever stands in a name or an address, it goes to this one.
    let envelope = Envelope::new(Some(from.clone()), vec![to.clone()])
        .map_err(|_| refused("it cannot be written as a message"))?;
    let mut message = Message::builder()
        .envelope(envelope)
        .from(Mailbox::new(Some(name.clone()), from))
        .to(Mailbox::new(None, to))
        .subject(&mail.subject)
        .message_id(Some(format!("<{}@{domain}>", mail.id)))
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|_| refused("it cannot be written as a message"))?;
    for (name, value) in [
        // RFC 3834: so that no automatic answer comes back.
        (HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated"),
        (HeaderName::new_from_ascii_str("Content-Language"), mail.language.as_str()),
    ] {
        message.headers_mut().insert_raw(HeaderValue::new(name, value.to_string()));
    }
    Ok(message)
}
