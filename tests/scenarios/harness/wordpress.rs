//! Debian's WordPress with our plugin in it, by PHP's own server and a MariaDB on a socket: in a folder of its own, on loopback, with an
//! administrator and nothing else set up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

use super::part::Part;
use super::process::Process;
use super::stack::free_port;
use super::{key, places, until_so};

/// Where Debian's package lies.
const PACKAGE: &str = "/usr/share/wordpress";

/// A blog. Ends with its owner.
pub(crate) struct WordPress {
    /// Its origin.
    pub(crate) origin: String,
    /// The password of its administrator, `staff`.
    pub(crate) password: String,
    // Dropped in this order: programs before the folder they write to.
    _php: Process,
    _database: Process,
    _folder: TempDir,
}

impl WordPress {
    /// Starts a blog on a site's host. Nothing where that is left out, which is told.
    pub(crate) async fn starts(site: &str) -> Option<Self> {
        let what = "trying the WordPress plugin";
        if !Part::WordPress.is_wanted(what) {
            return None;
        }
        for needed in [PACKAGE, "/usr/bin/php", "/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db"] {
            Part::WordPress.is_here(Path::new(needed).exists(), &format!("{what} ({needed})"));
        }
        let folder = tempfile::tempdir().unwrap();
        let (pages, socket) = (folder.path().join("pages"), folder.path().join("db.sock"));
        let database = starts_database(folder.path(), &socket).await;
        let port = free_port();
        let origin = format!("http://{site}.localhost:{port}");
        lays_out(&pages, &socket, &origin);
        let mut php = Command::new("php");
        // Pages of WordPress ask their own server for others.
        php.env("PHP_CLI_SERVER_WORKERS", "4");
        php.args(["-d", "display_errors=0", "-S", &format!("127.0.0.1:{port}"), "-t"])
            .arg(&pages)
            .current_dir(&pages);
        let php = Process::start("php", &mut php);
        let password = key();
        let client = super::http::client();
        let form = [
            ("weblog_title", "A blog"),
            ("user_name", "staff"),
            ("admin_password", &password),
            ("admin_password2", &password),
            ("admin_email", "staff@example.org"),
            ("blog_public", "0"),
        ];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        until_so("PHP to answer", async || {
            let asked = client.get(format!("{origin}/readme.html")).timeout(Duration::from_secs(5));
            asked.send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        let answer = client
            .post(format!("{origin}/wp-admin/install.php?step=2"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap();
        let text = answer.text().await.unwrap();
        assert!(text.contains("Success"), "WordPress was not set up: {text}\n{}", php.output());
        Some(Self { origin, password, _php: php, _database: database, _folder: folder })
    }
}

/// An empty database of this user's, which nobody reaches but by its socket.
async fn starts_database(folder: &Path, socket: &Path) -> Process {
    let data = folder.join("db");
    let user = Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    let user = format!("--user={}", user.trim());
    let made = Command::new("/usr/bin/mariadb-install-db")
        .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", &user])
        .arg(format!("--datadir={}", data.display()))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut server = Command::new("/usr/sbin/mariadbd");
    server
        .args(["--no-defaults", "--skip-networking", &user])
        .args([
            "--innodb-buffer-pool-size=16M",
            "--innodb-flush-log-at-trx-commit=0",
            "--performance-schema=OFF",
        ])
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", socket.display()))
        .arg(format!("--pid-file={}", folder.join("db.pid").display()));
    let server = Process::start("mariadbd", &mut server);
    until_so("the database to answer", async || {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--user=root", "--execute=create database if not exists blog"]);
        client.arg(format!("--socket={}", socket.display()));
        client.output().is_ok_and(|output| output.status.success())
    })
    .await;
    server
}

/// WordPress's files, its configuration, our plugin, and another one whose script our plugin is told to hold back.
fn lays_out(pages: &Path, socket: &Path, origin: &str) {
    copies(Path::new(PACKAGE), pages);
    let keys = ["AUTH_KEY", "SECURE_AUTH_KEY", "LOGGED_IN_KEY", "NONCE_KEY", "AUTH_SALT", "SECURE_AUTH_SALT"];
    let keys: String = keys.iter().map(|name| format!("define('{name}', '{}');\n", key())).collect();
    let config = format!(
        "<?php\ndefine('DB_NAME', 'blog');\ndefine('DB_USER', 'root');\ndefine('DB_PASSWORD', '');\n\
         define('DB_HOST', 'localhost:{socket}');\ndefine('WP_HOME', '{origin}');\ndefine('WP_SITEURL', '{origin}');\n\
         define('DISABLE_WP_CRON', true);\ndefine('WP_HTTP_BLOCK_EXTERNAL', true);\ndefine('WPLANG', 'en_GB');\n{keys}\
         $table_prefix = 'wp_';\nif (!defined('ABSPATH')) {{ define('ABSPATH', __DIR__ . '/'); }}\n\
         require_once ABSPATH . 'wp-settings.php';\n",
        socket = socket.display(),
    );
    fs::write(pages.join("wp-config.php"), config).unwrap();
    let plugins = pages.join("wp-content/plugins");
    fs::create_dir_all(plugins.join("assent")).unwrap();
    fs::copy(places::project().join("examples/wordpress/assent.php"), plugins.join("assent/assent.php"))
        .unwrap();
    let own = pages.join("wp-content/mu-plugins");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("held.js"), "window.held = true;").unwrap();
    let other = "<?php\nadd_action('wp_enqueue_scripts', fn () => wp_enqueue_script('held', content_url('mu-plugins/held.js')));\n\
                 add_filter('assent_held_back', fn ($held) => $held + ['held' => 'analytics']);\n\
                 add_filter('locale', fn () => 'en_GB');\n";
    fs::write(own.join("other.php"), other).unwrap();
}

/// A folder with everything in it, links followed. What a link leads to nowhere is left out.
fn copies(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let entries: Vec<PathBuf> = fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
    for entry in entries {
        let there = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copies(&entry, &there);
        } else if entry.exists() {
            fs::copy(&entry, &there).unwrap();
        }
    }
}
