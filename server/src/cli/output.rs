//! Where data for `--output` goes: a file that only this account may read, and that is there only when it is whole.
//!
//! It is written beside its place under a name of its own and renamed at the end, so that work which breaks off leaves
//! what was there before as it was, also who may read it.

use anyhow::Context as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Gives `write` the file of this name, or standard output.
pub(super) fn to<T>(
    path: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let Some(path) = path else { return through(&mut io::stdout(), write) };
    let at = || format!("cannot write {}", path.display());
    // What a link leads to is what is meant; what is not there yet is written where its name says.
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    // A device or a pipe is not replaced.
    if fs::metadata(&place).is_ok_and(|about| !about.is_file()) {
        return through(&mut File::options().write(true).open(&place).with_context(at)?, write);
    }
    // The parent of a bare file name is the empty path.
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(at)?;
    let done = through(&mut file, write)?;
    file.as_file().sync_all().with_context(at)?;
    file.persist(&place).with_context(at)?;
    Ok(done)
}

fn through<T>(
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut out = BufWriter::new(out);
    let done = write(&mut out)?;
    out.flush()?;
    Ok(done)
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests say what they expect by unwrapping")]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// An export onto a file that everyone could read left it readable, and one that broke off left half of itself.
    #[test]
    fn a_file_is_private_and_whole_or_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "before").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let broken: anyhow::Result<()> = to(Some(&path), |out| {
            out.write_all(b"half")?;
            anyhow::bail!("it broke off")
        });
        assert_eq!(broken.unwrap_err().to_string(), "it broke off");
        assert_eq!(fs::read(&path).unwrap(), b"before");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        to(Some(&link), |out| Ok(out.write_all(b"all of it")?)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"all of it");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        to(Some(Path::new("/dev/null")), |out| Ok(out.write_all(b"gone")?)).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
    }
}
