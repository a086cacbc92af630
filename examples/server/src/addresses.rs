//! Where everything is: default ports as the files have them, and their replacement when other ports are wanted.
//!
//! Pages, scripts and site files contain the default addresses, so that they read and copy like any site's. Only
//! `localhost:` followed by one of the four default ports is replaced; host names never change.

/// The ports in the files.
pub(crate) const DEFAULT: Addresses =
    Addresses { assent: 8700, health: 8701, charity: 8702, third_party: 8703 };

/// The port of each of the four hosts, all on the loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Assent: `privacy.clinic.localhost` and `privacy.charity.localhost`.
    pub(crate) assent: u16,
    /// `clinic.localhost`.
    pub(crate) health: u16,
    /// `charity.localhost`.
    pub(crate) charity: u16,
    /// `collector.localhost`.
    pub(crate) third_party: u16,
}

impl Addresses {
    /// `text` with every default address replaced, all at once: a new port that equals another's default is safe.
    pub(crate) fn rewrite(&self, text: &str) -> String {
        let pairs = [
            (DEFAULT.assent, self.assent),
            (DEFAULT.health, self.health),
            (DEFAULT.charity, self.charity),
            (DEFAULT.third_party, self.third_party),
        ];
        let mark = "localhost:";
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(mark) {
            let (before, after) = rest.split_at(at + mark.len());
            out.push_str(before);
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (port, tail) = after.split_at(digits);
            match pairs.iter().find(|(default, _)| port.parse() == Ok(*default)) {
                Some((_, wanted)) => out.push_str(&wanted.to_string()),
                None => out.push_str(port),
            }
            rest = tail;
        }
        out.push_str(rest);
        out
    }
}

/// One of the two example sites, by its id in Assent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Site {
    /// The health provider.
    #[value(alias = "health-provider")]
    Clinic,
    /// The community charity.
    #[value(alias = "community-charity")]
    Charity,
}

impl Site {
    /// Its id in site files and records.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Clinic => "clinic",
            Self::Charity => "charity",
        }
    }

    /// Its folder in `examples/`.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Clinic => "health-provider",
            Self::Charity => "community-charity",
        }
    }

    /// The site whose page made a request, from an `Origin`, a `Referer` or a page address.
    pub(crate) fn of_address(address: &str) -> Option<Self> {
        let host = address.split_once("://")?.1;
        let host = host.split(['/', ':', '?']).next().unwrap_or(host);
        [Self::Clinic, Self::Charity].into_iter().find(|site| host == format!("{}.localhost", site.id()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_addresses_are_replaced_at_once() {
        // Assent gets the health site's default port: it must not be replaced a second time.
        let other = Addresses { assent: 8701, health: 4000, charity: 8702, third_party: 65000 };
        let text = "http://privacy.clinic.localhost:8700/v1 http://clinic.localhost:8701 localhost:8702, localhost:8703.";
        let want = "http://privacy.clinic.localhost:8701/v1 http://clinic.localhost:4000 localhost:8702, localhost:65000.";
        assert_eq!(other.rewrite(text), want);
    }

    #[test]
    fn nothing_else_is_replaced() {
        let other = Addresses { assent: 1, health: 2, charity: 3, third_party: 4 };
        for same in [
            "8700",
            "example.org:8700",
            "localhost:87001",
            "localhost:",
            "localhost:9000/8701",
            "ŵ localhost",
        ] {
            assert_eq!(other.rewrite(same), same);
        }
        let text = "Tŷ Gwylan http://clinic.localhost:8701/cy/";
        assert_eq!(DEFAULT.rewrite(text), text);
    }

    #[test]
    fn sites_are_known_by_their_host() {
        for (address, site) in [
            ("http://clinic.localhost:8701", Some(Site::Clinic)),
            ("http://charity.localhost:1/cy/", Some(Site::Charity)),
            ("http://privacy.clinic.localhost:8700", None),
            ("null", None),
        ] {
            assert_eq!(Site::of_address(address), site, "{address}");
        }
    }
}
