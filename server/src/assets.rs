//! What browsers load: the built loader and widget and the pages' stylesheet, read and compressed once at start.
//!
//! Assent starts without the built files; then sites have pages but no embed.

use assent_core::hash::{Hash, base64_encode, sha256, sha256_parts};
use sha2::{Digest as _, Sha384};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Brotli's window, as large as browsers must take (RFC 7932).
const WINDOW: i32 = 22;
/// Brotli's best. It is done once per file and start.
const QUALITY: i32 = 11;

/// Everything that is served below `/v1/assets/`, and the loader.
#[derive(Debug)]
pub struct Assets {
    /// The loader's function expression.
    pub loader: Option<String>,
    /// The function expression that carries the sign-up form into sites' pages.
    pub alerts: Option<String>,
    /// By name: function expressions that tell one tool of others what holds.
    pub tools: BTreeMap<String, String>,
    /// Names the content of all files together, so that addresses can be cached for ever.
    pub hash: String,
    /// SRI of the wasm file.
    pub wasm_integrity: String,
    files: BTreeMap<&'static str, Packed>,
}

/// A file ready to send.
#[derive(Debug, Clone)]
pub struct Packed {
    /// As it is.
    pub plain: Vec<u8>,
    /// As brotli.
    pub brotli: Vec<u8>,
    /// Content type.
    pub kind: &'static str,
    /// Entity tag of the plain form, in quotes.
    pub etag: String,
}

impl Packed {
    /// Compresses and names a file.
    #[must_use]
    pub fn new(plain: Vec<u8>, kind: &'static str) -> Self {
        let brotli = compress(&plain);
        Self::with(plain, brotli, kind)
    }

    fn with(plain: Vec<u8>, brotli: Vec<u8>, kind: &'static str) -> Self {
        let etag = format!("\"{}\"", short(sha256(&plain)));
        Self { plain, brotli, kind, etag }
    }
}

impl Assets {
    /// Reads the built files; what is missing is left out.
    pub fn load(web_dir: &Path) -> io::Result<Self> {
        let css = "text/css; charset=utf-8";
        let pages = Packed::new(ui::pages::PAGES_CSS.as_bytes().to_vec(), css);
        let part = Packed::new(ui::pages::part_css().into_bytes(), css);
        let mut files = BTreeMap::from([("pages.css", pages), ("part.css", part)]);
        for (name, kind) in
            [("assent.js", "text/javascript; charset=utf-8"), ("assent_bg.wasm", "application/wasm")]
        {
            if let Some(plain) = read(&web_dir.join(name))? {
                let file =
                    match read(&web_dir.join(format!("{name}.br")))?.filter(|br| unpacks_to(br, &plain)) {
                        Some(brotli) => Packed::with(plain, brotli, kind),
                        None => Packed::new(plain, kind),
                    };
                files.insert(name, file);
            }
        }
        let built = files.contains_key("assent.js") && files.contains_key("assent_bg.wasm");
        let loader = read(&web_dir.join("loader.js"))?.filter(|_| built);
        if loader.is_none() {
            tracing::warn!(web_dir = %web_dir.display(), "no built loader and widget here: sites get no embed");
        }
        let contents: Vec<&[u8]> = files.values().map(|file| file.plain.as_slice()).collect();
        let hash = short(sha256_parts(&contents));
        let integrity = |file: &Packed| format!("sha384-{}", base64_encode(&Sha384::digest(&file.plain)));
        let wasm_integrity = files.get("assent_bg.wasm").map(integrity).unwrap_or_default();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (loader, alerts) = (loader.map(text), read(&web_dir.join("alerts.js"))?.map(text));
        let tools = tools(&web_dir.join("tools"))?;
        Ok(Self { loader, alerts, tools, hash, wasm_integrity, files })
    }

    /// A file below the current hash.
    #[must_use]
    pub fn get(&self, hash: &str, name: &str) -> Option<&Packed> {
        self.files.get(name).filter(|_| hash == self.hash)
    }
}

fn tools(folder: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut tools = BTreeMap::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(tools),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if let (Some(name), Some("js")) = (path.file_stem(), path.extension().and_then(|it| it.to_str())) {
            tools.insert(name.to_string_lossy().into_owned(), std::fs::read_to_string(&path)?);
        }
    }
    Ok(tools)
}

fn short(hash: Hash) -> String {
    hash.to_hex()[..16].to_string()
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a compressed file that lies beside the plain one is of the same build.
fn unpacks_to(brotli: &[u8], plain: &[u8]) -> bool {
    let mut unpacked = Vec::with_capacity(plain.len());
    brotli::BrotliDecompress(&mut &brotli[..], &mut unpacked).is_ok() && unpacked == plain
}

fn compress(plain: &[u8]) -> Vec<u8> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: QUALITY,
        lgwin: WINDOW,
        size_hint: plain.len(),
        ..Default::default()
    };
    let mut packed = Vec::new();
    // Writing to memory cannot fail.
    let _ = brotli::BrotliCompress(&mut &plain[..], &mut packed, &params);
    packed
}
