//! A page as somebody without script, and a program that is not ours (Python's HTML parser), read it: its language, its forms with what
//! they would send, its links.

use reqwest::header::{COOKIE, HeaderValue, ORIGIN, SET_COOKIE};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::http::Api;
use super::places::tests_folder;

/// What a page says and can do.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    /// `lang` and `dir` of the document.
    pub(crate) lang: Option<String>,
    pub(crate) dir: Option<String>,
    pub(crate) title: String,
    /// Headings of the first two levels.
    pub(crate) headings: Vec<String>,
    /// What a screen reader announces: that something was done, or that something is wrong.
    pub(crate) status: String,
    pub(crate) alert: String,
    /// Everything in `main`.
    pub(crate) text: String,
    /// Scripts, and attributes that are some.
    pub(crate) scripts: usize,
    /// Elements that a browser would fetch something for.
    pub(crate) loads: usize,
    pub(crate) forms: Vec<Form>,
    pub(crate) links: Vec<Link>,
    /// Elements that were not closed where they should have been.
    unclosed: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    method: Option<String>,
    action: Option<String>,
    pub(crate) fields: Vec<Field>,
    pub(crate) buttons: Vec<Button>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: Option<String>,
    pub(crate) value: String,
    pub(crate) kind: String,
    /// Whether it is sent as it stands: everything but a box that is not ticked.
    pub(crate) sent: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Button {
    name: Option<String>,
    pub(crate) value: String,
    pub(crate) text: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Link {
    pub(crate) href: Option<String>,
    /// `hreflang`.
    pub(crate) lang: Option<String>,
    /// The name it is kept under, where it is for keeping.
    pub(crate) download: Option<String>,
    pub(crate) text: String,
}

impl Page {
    /// Reads a page. Its elements must be closed in the order they were opened.
    pub(crate) fn of(html: &str) -> Self {
        let mut python = Command::new("python3")
            .arg(tests_folder().join("scenarios/read_page.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        python.stdin.take().unwrap().write_all(html.as_bytes()).unwrap();
        let done = python.wait_with_output().unwrap();
        assert!(done.status.success());
        let page: Self = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!(page.unclosed, [""; 0], "{html}");
        page
    }

    /// Opens an address of a site.
    pub(crate) async fn opens(api: &Api, address: &str) -> Self {
        let answer = api.get_address(address).send().await.unwrap();
        Self::answered(answer).await
    }

    async fn answered(answer: Response) -> Self {
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.url());
        Self::of(&answer.text().await.unwrap())
    }

    /// The form with a button of this value; the first, where buttons have none.
    pub(crate) fn form(&self, button: &str) -> &Form {
        let has = |form: &&Form| form.buttons.iter().any(|one| one.value == button);
        self.forms.iter().find(has).unwrap_or_else(|| panic!("no button `{button}` in {:?}", self.forms))
    }

    /// Presses a button with the form as it stands, but for `more`: fields that are filled in or ticked. Gives the page that it leads to,
    /// by a redirect or without, and its address.
    pub(crate) async fn presses(
        &self,
        api: &Api,
        (address, button): (&str, &str),
        more: &[(&str, &str)],
    ) -> (Self, String) {
        let form = self.form(button);
        assert_eq!(form.method.as_deref(), Some("post"));
        let given = |name: &str| more.iter().any(|(known, _)| *known == name);
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for field in form.fields.iter().filter(|field| field.sent) {
            let name = field.name.as_deref().unwrap();
            if field.kind == "checkbox" || !given(name) {
                fields.push((name, &field.value));
            }
        }
        fields.extend(more);
        let pressed = form.buttons.iter().find(|one| one.value == button).unwrap();
        fields.extend(pressed.name.as_deref().map(|name| (name, button)));
        let to = form.action.as_deref().unwrap_or(address);
        let path = to.strip_prefix(&format!("{}/", api.site.api)).unwrap();
        let request = api.post(path).header(ORIGIN, api.site.assent()).form(&fields);
        let answer = request.send().await.unwrap();
        if answer.status() != StatusCode::SEE_OTHER {
            return (Self::answered(answer).await, to.to_string());
        }
        let next = answer.headers()["location"].to_str().unwrap().to_string();
        // As a browser keeps it: what was signed up for is shown to whoever did it.
        let cookie = |value: &HeaderValue| value.to_str().unwrap().split(';').next().unwrap().to_string();
        let cookies: Vec<String> = answer.headers().get_all(SET_COOKIE).iter().map(cookie).collect();
        let page = api.get_address(&next).header(COOKIE, cookies.join("; ")).send().await.unwrap();
        (Self::answered(page).await, next)
    }
}
