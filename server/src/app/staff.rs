//! Who may use staff addresses: whoever shows the one staff token; and who may say that messages come back.

use crate::config::{Mail, Staff, secret};
use anyhow::{Context as _, bail};
use assent_core::hash::{Hash, sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Shortest token that is accepted from a file, in characters.
const SHORTEST: usize = 24;

/// The SHA-256 of the staff token. The token itself is not kept.
#[derive(Debug, Clone, Copy)]
pub struct StaffToken(Hash);

impl StaffToken {
    /// The token that the configuration names, if it names one.
    pub fn from_config(staff: &Staff) -> anyhow::Result<Option<Self>> {
        if let Some(token) = read_token(staff)? {
            return Ok(Some(Self(sha256(token.as_bytes()))));
        }
        if staff.token_sha256.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self(Hash::from_hex(&staff.token_sha256)?)))
    }

    /// The token of the mail server's bounce handler, if there is one.
    ///
    /// # Errors
    /// A file that cannot be read, or a token that is too short.
    pub fn of_mail_server(mail: &Mail) -> anyhow::Result<Option<Self>> {
        let token = secret(&mail.bounce_token, &mail.bounce_token_file, "mail.bounce_token_file")?;
        if token.is_empty() && mail.bounce_token_file.original().as_os_str().is_empty() {
            return Ok(None);
        }
        if token.len() < SHORTEST {
            bail!("mail.bounce_token must have at least {SHORTEST} characters");
        }
        Ok(Some(Self(sha256(token.as_bytes()))))
    }

    /// Whether this is the token, in a time that says nothing about it.
    #[must_use]
    pub fn is(&self, token: &str) -> bool {
        sha256(token.as_bytes()).0.ct_eq(&self.0.0).into()
    }
}

/// The token in `staff.token_file`, if that is set.
pub fn read_token(staff: &Staff) -> anyhow::Result<Option<Zeroizing<String>>> {
    if staff.token_file.original().as_os_str().is_empty() {
        return Ok(None);
    }
    let path = staff.token_file.relative();
    let text = Zeroizing::new(
        std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read staff.token_file {}", path.display()))?,
    );
    let token = text.lines().next().unwrap_or_default().trim();
    if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!(
            "the first line of {} must be a token of at least {SHORTEST} visible characters",
            path.display()
        );
    }
    Ok(Some(Zeroizing::new(token.to_string())))
}
