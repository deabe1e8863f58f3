"""Runs SQL files and queries on a real engine.

    engine.py duckdb|spark|postgres FOLDER < plan.json
    engine.py bigquery|snowflake FOLDER < plan.json     the same, translated into DuckDB's words

The plan is a list of steps, done in turn on one database that is made in FOLDER:

    {"run": [files], "feed": folder, "version": name}   SQL files, as the comment above each says it is run
    {"refused": [files], ...}                           the same; gives what the engine said against it
    {..., "path": folder}                               PostgreSQL: programs are looked for there first
    {"do": text}                                        one statement
    {"query": text}                                     gives its rows, each a list of values
    {"job": [arguments]}                                Spark: jobs/spark/merge.py; gives its exit code and what it said
    {"current": target, "stream": name, "columns": []}  Spark: what the job's table has, by account and id
    {"link": folder, "at": path}                        the path leads to the folder from now on
    {"remove": path}, {"junk": path}                    what a crash leaves: a file or folder less, or half a file

Prints a JSON list: what each step gave. Moments are written alike by all engines, 2024-01-01T10:00:00.000000Z.
"""

import contextlib
import datetime
import decimal
import io
import json
import os
import pathlib
import pwd
import re
import runpy
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]


def plain(value):
    """A value as JSON; a moment and a number look the same whichever engine it comes from."""
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        moment = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?\+00(?::00)?", value)
        if moment:
            return f"{moment[1]}T{moment[2]}.{(moment[3] or '.')[1:].ljust(6, '0')}Z"
    return value


class DuckDb:
    def __init__(self, folder):
        import duckdb

        self.connection = duckdb.connect(str(folder / "warehouse.duckdb"))
        self.connection.execute("SET TimeZone = 'UTC'")

    def run(self, step, files):
        try:
            if "feed" in step:
                self.connection.execute(f"SET VARIABLE feed = '{step['feed']}'")
            for file in files:
                self.connection.execute(pathlib.Path(file).read_text())
        except Exception:
            with contextlib.suppress(Exception):
                self.connection.execute("ROLLBACK")
            raise

    def do(self, text):
        self.connection.execute(text)

    def query(self, text):
        rows = self.connection.execute(f"SELECT to_json(q) FROM ({text}) AS q").fetchall()
        return [list(json.loads(row[0]).values()) for row in rows]


class Translated(DuckDb):
    """The statements of an engine that cannot be had here, in DuckDB's words. What only names files is done for it: an
    external table, a stage and what is copied from it."""

    def __init__(self, folder, dialect):
        super().__init__(folder)
        self.dialect, self.copied = dialect, set()

    def do(self, text):
        super().do(text)
        self.copied = set()

    def run(self, step, files):
        import sqlglot

        try:
            for file in files:
                for statement in sqlglot.parse(pathlib.Path(file).read_text(), dialect=self.dialect):
                    if statement is not None:
                        self.statement(step, statement)
        except Exception:
            with contextlib.suppress(Exception):
                self.connection.execute("ROLLBACK")
            raise

    def statement(self, step, statement):
        from sqlglot import exp

        text = statement.sql(dialect=self.dialect, comments=False)
        table = statement.find(exp.Table)
        if text.startswith("CREATE OR REPLACE EXTERNAL TABLE"):
            files = f"{step['feed']}/{table.name.removeprefix('feed_')}/changes-*.parquet"
            rows = f"SELECT * RENAME (filename AS _FILE_NAME) FROM read_parquet('{files}', filename = true)"
            self.connection.execute(f"CREATE OR REPLACE VIEW {table.db}.{table.name} AS {rows}")
        elif isinstance(statement, exp.Copy):
            stream = table.name.removeprefix("changes_")
            for file in sorted(pathlib.Path(step["feed"], stream).glob("changes-*.parquet")):
                if (stream, file.name) not in self.copied:
                    rows = f"SELECT *, '{stream}/{file.name}' AS _file FROM read_parquet('{file}')"
                    self.connection.execute(f"INSERT INTO {table.db}.{table.name} BY NAME {rows}")
                    self.copied.add((stream, file.name))
        elif not text.startswith("CREATE STAGE") and "FLATTEN(" not in text:
            self.connection.execute(statement.sql(dialect="duckdb", comments=False))


class Postgres:
    """A server of its own, over a socket in the folder; not as root, which it refuses."""

    def __init__(self, folder):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
        self.bin = found[-1].parent if found else pathlib.Path(shutil.which("pg_ctl")).parent
        self.folder = folder / "pg"
        self.folder.mkdir()
        self.who = {}
        if os.getuid() == 0:
            names = {user.pw_name: user for user in pwd.getpwall()}
            user = names.get("postgres") or names["nobody"]
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            folder.chmod(0o711)  # so that it comes to its own folder in it
            self.who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.call("initdb", "-D", self.folder / "data", "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self.call("pg_ctl", "-D", self.folder / "data", "-o", options, "-l", self.folder / "log", "-w", "start")

    def call(self, name, *args):
        subprocess.run([self.bin / name, *args], check=True, stdout=subprocess.DEVNULL, cwd=self.folder, **self.who)

    def close(self):
        self.call("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")

    def psql(self, *args, path=None):
        env = {**os.environ, "PGHOST": str(self.folder), "PGUSER": "tester", "PGDATABASE": "postgres", "PGTZ": "UTC"}
        if path:
            env["PATH"] = f"{path}:{env['PATH']}"
        done = subprocess.run(["psql", "-X", "-q", "-At", *args], env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
        return done.stdout

    def run(self, step, files):
        feed = ["-v", f"feed={step['feed']}"] if "feed" in step else []
        self.psql(*feed, *[a for file in files for a in ("-f", file)], path=step.get("path"))

    def do(self, text):
        self.psql("-c", text)

    def query(self, text):
        lines = self.psql("-v", "ON_ERROR_STOP=1", "-c", f"SELECT row_to_json(q) FROM ({text}) AS q").split("\n")
        return [list(json.loads(line).values()) for line in lines if line]


class Spark:
    """One session, as small as it goes."""

    def __init__(self, folder):
        os.environ["TZ"] = "UTC"
        from pyspark.sql import SparkSession

        self.session = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.sql.shuffle.partitions", "2")
            # Many small statements: compiling them takes longer than running them.
            .config("spark.sql.codegen.wholeStage", "false")
            .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
            .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.warehouse.dir", str(folder / "tables"))
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.log.level", "ERROR")
            .getOrCreate()
        )
        self.session.sparkContext.setLogLevel("OFF")
        self.merge = runpy.run_path(str(ROOT / "jobs/spark/merge.py"))

    def close(self):
        self.session.stop()

    def run(self, step, files):
        for name, variable in {"feed": "files", "version": "version"}.items():
            if name in step:
                self.session.conf.set(variable, step[name])
        for file in files:
            text = "\n".join(line for line in pathlib.Path(file).read_text().splitlines() if not line.startswith("--"))
            for statement in filter(None, map(str.strip, text.split(";\n"))):
                self.session.sql(statement.removesuffix(";")).collect()  # as spark-sql does, which shows the rows

    def do(self, text):
        self.session.sql(text)

    def query(self, text):
        return [list(row) for row in self.session.sql(text).collect()]

    def job(self, arguments):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = self.merge["main"](arguments)
        return [code, said.getvalue()]

    def current(self, step):
        table = self.merge["current"](self.session, step["current"], step["stream"])
        rows = table.orderBy("account", "_id").select(*step["columns"]).collect()
        return [[plain(value) for value in row] for row in rows]


def do(engine, step):
    if "run" in step:
        return engine.run(step, step["run"])
    if "refused" in step:
        try:
            engine.run(step, step["refused"])
        except Exception as error:
            return str(error)
        return None
    if "do" in step:
        return engine.do(step["do"])
    if "link" in step:
        at = pathlib.Path(step["at"])
        at.parent.mkdir(exist_ok=True)
        at.unlink(missing_ok=True)
        return at.symlink_to(step["link"])
    if "remove" in step:
        path = pathlib.Path(step["remove"])
        return shutil.rmtree(path) if path.is_dir() else path.unlink()
    if "junk" in step:
        path = pathlib.Path(step["junk"])
        path.parent.mkdir(parents=True)
        return path.write_text("PAR1 half a") and None
    if "current" in step:
        return engine.current(step)
    if "job" in step:
        return engine.job(step["job"])
    return [[plain(value) for value in row] for row in engine.query(step["query"])]


def main():
    folder = pathlib.Path(sys.argv[2]).absolute()
    plan = json.load(sys.stdin)
    engines = {"duckdb": DuckDb, "postgres": Postgres, "spark": Spark}
    name = sys.argv[1]
    engine = engines[name](folder) if name in engines else Translated(folder, name)
    try:
        gave = [do(engine, step) for step in plan]
    finally:
        getattr(engine, "close", lambda: None)()
    json.dump(gave, sys.stdout)


main()
