//! What a machine must have for the tests beside what cargo builds. A test that misses a part fails and names it, so that green
//! means that everything was tried; whoever runs the tests may leave parts out, by name, and then each test says what it skipped.

use std::path::Path;
use std::process::Command;

/// Parts to leave out, with commas between, as in `exim,kannel`. `cargo xtask test` reads it too.
const WITHOUT: &str = "ASSENT_TEST_WITHOUT";

/// Something that comes from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Debian's mail server. Left out: Python's takes the mail.
    Exim,
    /// Debian's library that gives a program another time.
    Faketime,
    /// The text gateway, and the phone that is its fake SMSC.
    Kannel,
    /// The right to mount a file system of its own, for a full disk. Only the packages' own tests need it.
    Mount,
    /// Python packages that are not ours.
    Python,
    /// What shows a program's system calls.
    Strace,
    /// Debian's WordPress, and what runs it.
    WordPress,
}

impl Part {
    const ALL: [Self; 7] =
        [Self::Exim, Self::Faketime, Self::Kannel, Self::Mount, Self::Python, Self::Strace, Self::WordPress];

    /// Its name in the variable, and where it comes from.
    const fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Exim => ("exim", "`cargo xtask test browser` unpacks Debian's exim4-daemon-light"),
            Self::Faketime => ("faketime", "Debian: apt-get install faketime"),
            Self::Kannel => ("kannel", "Debian: apt-get install kannel kannel-extras"),
            Self::Mount => ("mount", "root, or a container with CAP_SYS_ADMIN"),
            Self::Python => (
                "python",
                "python3 with aics-tlog, aiosmtpd, cryptography and standardwebhooks, which `cargo xtask test browser` installs from PyPI",
            ),
            Self::Strace => ("strace", "Debian: apt-get install strace"),
            Self::WordPress => (
                "wordpress",
                "Debian: apt-get install wordpress wordpress-theme-twentytwentythree php-cli php-mysql mariadb-server",
            ),
        }
    }

    /// Whether a test goes on to do `what` with it: not when it is left out, which is told.
    pub(crate) fn is_wanted(self, what: &str) -> bool {
        let named = std::env::var(WITHOUT).unwrap_or_default();
        let names = || named.split(',').map(str::trim).filter(|name| !name.is_empty());
        for name in names() {
            assert!(
                Self::ALL.iter().any(|part| part.told().0 == name),
                "{WITHOUT}: there is no part `{name}`"
            );
        }
        let (name, _) = self.told();
        let wanted = names().all(|left_out| left_out != name);
        if !wanted {
            eprintln!("skipped: {what}: {WITHOUT} names {name}");
        }
        wanted
    }

    /// Fails, with where it comes from, when it was not found.
    #[track_caller]
    pub(crate) fn is_here(self, found: bool, what: &str) {
        let (name, from) = self.told();
        assert!(found, "{what}: {name} is not here ({from}; {WITHOUT}={name} leaves it out)");
    }
}

/// Whether a program is on the path, or where it is said to be, and runs.
pub(super) fn runs(program: impl AsRef<Path>, version: &str) -> bool {
    Command::new(program.as_ref()).arg(version).output().is_ok_and(|done| done.status.success())
}
