"""Merges the change files of many accounts into current tables, as a Spark job:

    spark-submit jobs/spark/merge.py --feed s3a://bucket/feed --target s3a://bucket/tables

It reads FEED/account=NAME/manifest.json of every account (a destination with `path = ".../feed/account={account}"`,
`kind = "parquet"` and `content = "changes"`), and of the files that it names those that are not merged yet; what it does not
name does not count. TARGET then holds

    STREAM/version=N/account=NAME/part-*.parquet                 (messages: .../account=NAME/month=2024-03/part-*.parquet)
    STREAM/_current/account=NAME/LAST.json                       which of these folders are current, and up to which seq

Only the months that a change touches are written again. Read a table with `current(spark, target, stream)` below.

What is promised:

* Each account's stream goes from one state to the next in one step, the appearing of LAST.json, written last. A reader
  sees the old state or the new one. Streams and accounts go one after the other.
* A job that dies anywhere, or is run again, leaves no row doubled and none lost: what has no LAST.json does not count, is
  removed by the next job, and is merged again.
* A change file that is missing between two others, that is named and not there, cannot be opened or has another length than
  the manifest says, and files of another mirror than before are an error of that account's stream; a manifest that is not
  whole is one of that account (exit code 1). Nothing of it is merged, and the others are. Files are looked at before any is
  merged; where Spark cannot read one of the right length, or write what is in it, the accounts are merged one by one, and
  that one's stream stays as it was.
* An account that has no manifest yet, because nothing was delivered, is told and is no error.
* Not promised: two jobs on one TARGET at a time. Let the scheduler run one. A reader that began before a job may go on
  reading until the job after the next one starts.
"""

import argparse
import json
import re
import sys

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

try:
    from pyspark.errors import PySparkException
except ImportError:  # before 3.4
    from pyspark.sql.utils import CapturedException as PySparkException

STREAMS = ("contacts", "customer_persons", "conversations", "messages", "channels", "whatsapp_business_templates")
MONTH_OF = {"messages": "createdAt"}  # a stream that is partitioned by the month of this column, too
NO_MONTH = "unknown"
KEPT = 2  # states a table keeps: the current one, and the one that readers may still be at
CHANGES = re.compile(r"^[a-z_]+/changes-(\d+)-(\d+)\.parquet$")
ACCOUNT = re.compile(r"^account=([A-Za-z0-9_.-]+)$")


FAILURES = (Py4JJavaError, PySparkException)  # how Spark says that it cannot read or write something


class Problem(Exception):
    """What is wrong with one account's stream; the others are merged all the same."""


class Files:
    """What the job does itself in a file system, whichever Hadoop knows: HDFS, S3, a local folder."""

    def __init__(self, spark, root):
        self.jvm = spark._jvm
        self.root = root.rstrip("/")
        self.fs = self.path("").getFileSystem(spark._jsc.hadoopConfiguration())

    def path(self, name):
        return self.jvm.org.apache.hadoop.fs.Path(f"{self.root}/{name}" if name else self.root)

    def names(self, name):
        if not self.fs.exists(self.path(name)):
            return []
        return sorted(status.getPath().getName() for status in self.fs.listStatus(self.path(name)))

    def read(self, name):
        stream = self.fs.open(self.path(name))
        try:
            return json.loads(self.jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
        finally:
            stream.close()

    def length(self, name):
        """Of a file that can be opened; None where there is none."""
        try:
            if not self.fs.exists(self.path(name)):
                return None
            self.fs.open(self.path(name)).close()
            return self.fs.getFileStatus(self.path(name)).getLen()
        except Py4JJavaError as error:
            raise Problem(f"{name} cannot be opened: {error.java_exception.getMessage()}") from None

    def appear(self, name, value):
        """Writes a new file that is there as a whole or not at all."""
        folder, _, last = name.rpartition("/")
        aside = f"{folder}/.{last}.aside"
        stream = self.fs.create(self.path(aside), True)
        stream.write(bytearray(json.dumps(value, indent=1).encode()))
        stream.close()
        if self.fs.exists(self.path(name)) or not self.fs.rename(self.path(aside), self.path(name)):
            raise RuntimeError(f"{self.root}/{name} is there already: another job runs on this target")

    def remove(self, name):
        self.fs.delete(self.path(name), True)


class Table:
    """A stream's table: which states its accounts have."""

    def __init__(self, files, stream):
        self.files, self.stream = files, stream
        self.keys = ["account", "month"] if stream in MONTH_OF else ["account"]
        self.states = {
            name: [n for n in files.names(f"{stream}/_current/account={name}") if n.endswith(".json")]
            for name in accounts_in(files.names(f"{stream}/_current"))
        }

    def state(self, account, age=0):
        """Up to which seq an account is merged, and its partitions: {month (or ""): folder}."""
        names = self.states.get(account, [])
        if len(names) <= age:
            return {"mirror": None, "loaded": 0, "partitions": {}}
        return self.files.read(f"{self.stream}/_current/account={account}/{names[-1 - age]}")

    def begin(self):
        """Removes what no kept state names; the number of the next version."""
        named = set()
        for account, names in self.states.items():
            for age in range(min(KEPT, len(names))):
                named |= {folder.split("/")[0] for folder in self.state(account, age)["partitions"].values()}
        for name in self.files.names(self.stream):
            if name.startswith("version=") and name not in named:
                self.files.remove(f"{self.stream}/{name}")
        return 1 + max([int(name.split("=")[1]) for name in named], default=0)

    def switch(self, account, state):
        """The one step: from here on this is the account's state."""
        folder = f"{self.stream}/_current/account={account}"
        self.files.appear(f"{folder}/{state['loaded']:012}.json", state)
        for old in self.states.get(account, [])[: 1 - KEPT]:
            self.files.remove(f"{folder}/{old}")

    def read(self, spark, folders):
        base = f"{self.files.root}/{self.stream}"
        reader = spark.read.option("basePath", base).option("mergeSchema", True)
        return reader.parquet(*[f"{base}/{folder}" for folder in sorted(folders)]).drop("version")


def corrected(spark):
    """Moments before 1900 are what they are: the files are of no Spark that counted them otherwise."""
    for way in ("Read", "Write"):
        spark.conf.set(f"spark.sql.parquet.datetimeRebaseModeIn{way}", "CORRECTED")


def accounts_in(names):
    return [match[1] for match in map(ACCOUNT.match, names) if match]


def current(spark, target, stream):
    """The current records of all accounts, with the columns `account` and, for messages, `month`; None before any."""
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
    corrected(spark)
    table = Table(Files(spark, target), stream)
    folders = [folder for account in table.states for folder in table.state(account)["partitions"].values()]
    return table.read(spark, folders) if folders else None


def manifest_of(feed, account):
    """What an account's manifest says; None where nothing was delivered yet."""
    name = f"account={account}/manifest.json"
    if feed.length(name) is None:
        return None
    try:
        manifest = feed.read(name)
        files = [file for stream in manifest["streams"].values() for file in stream["files"]]
        if all(isinstance(file["path"], str) for file in files) and isinstance(manifest["mirror"], str):
            return manifest
    except Py4JJavaError as error:
        raise Problem(f"{name} cannot be read: {error.java_exception.getMessage()}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise Problem(f"{name} is no whole manifest of change files")


def unmerged(feed, account, manifest, stream, state):
    """The files of a stream beyond a state as (first, last, path), each beginning where the last ended, and all there."""
    found, loaded = [], state["loaded"]
    if state["mirror"] not in (None, manifest["mirror"]):
        raise Problem("its table is of another mirror, whose seqs mean nothing here: take another target, or begin anew")
    for file in manifest.get("streams", {}).get(stream, {}).get("files", []):
        match = CHANGES.match(file["path"])
        if not match:
            raise Problem(f"{file['path']} is no Parquet change file; the job needs kind = \"parquet\", content = \"changes\"")
        if int(match[2]) > loaded:
            found.append((int(match[1]), int(match[2]), file["path"]))
            there, named = feed.length(f"account={account}/{file['path']}"), file.get("bytes")
            if there is None:
                raise Problem(f"{file['path']} is not there, and manifest.json names it")
            if named not in (None, there):
                raise Problem(f"{file['path']} has {there} bytes, not the {named} that manifest.json names")
    end = loaded
    for first, last, path in sorted(found):
        if first > end + 1:
            raise Problem(f"a change file is missing before {path}: merged up to seq {end}")
        end = max(end, last)
    return sorted(found)


def newest_changes(spark, feed, stream, work):
    """The newest change of each id of each account, of the files that are not merged yet."""
    paths = [f"{feed}/account={account}/{path}" for account, (_, files) in work.items() for _, _, path in files]
    reader = spark.read.option("mergeSchema", True).option("recursiveFileLookup", True)
    account = F.regexp_extract(F.col("_metadata.file_path"), r".*/account=([^/]+)/", 1)
    changes = reader.parquet(*paths).withColumn("account", account)
    loaded = spark.createDataFrame([(a, state["loaded"]) for a, (state, _) in work.items()], "account string, loaded long")
    changes = changes.join(F.broadcast(loaded), "account").where("_seq > loaded").drop("loaded")
    if stream in MONTH_OF:
        month = F.coalesce(F.date_format(MONTH_OF[stream], "yyyy-MM"), F.lit(NO_MONTH))
        changes = changes.withColumn("month", month)
    age = F.row_number().over(Window.partitionBy("account", "_id").orderBy(F.col("_seq").desc()))
    return changes.withColumn("_age", age).where("_age = 1").drop("_age")


def merge(spark, feed, table, work):
    """Writes a new version of what the changes touch, then switches each account to it."""
    version = table.begin()
    changes = newest_changes(spark, feed, table.stream, work).cache()
    ids, kept = changes.select("account", "_id"), changes.where("_op <> 'delete'").drop("_op")
    touched = kept.select(*table.keys)
    folders = [folder for state, _ in work.values() for folder in state["partitions"].values()]
    if folders:
        there = table.read(spark, folders)
        touched = touched.union(there.join(ids, ["account", "_id"], "left_semi").select(*table.keys))
    touched = {tuple(row) for row in touched.distinct().collect()}
    month = lambda key: key[1] if len(key) > 1 else ""  # noqa: E731
    again = [work[key[0]][0]["partitions"].get(month(key)) for key in touched]
    if any(again):
        rest = table.read(spark, [folder for folder in again if folder]).join(ids, ["account", "_id"], "left_anti")
        kept = kept.unionByName(rest, allowMissingColumns=True)
    folder = f"{table.stream}/version={version:06}"
    kept.repartition(*table.keys).write.partitionBy(*table.keys).parquet(f"{table.files.root}/{folder}", mode="overwrite")
    changes.unpersist()
    for account, (state, files) in work.items():
        partitions = {m: f for m, f in state["partitions"].items() if (account, m)[: len(table.keys)] not in touched}
        written = f"version={version:06}/account={account}"
        names = table.files.names(f"{table.stream}/{written}")
        if table.keys == ["account"]:
            partitions.update({"": written} if names else {})
        else:
            partitions.update({n.split("=")[1]: f"{written}/{n}" for n in names if n.startswith("month=")})
        last = max(last for _, last, _ in files)
        table.switch(account, {"mirror": state["mirror"], "loaded": last, "partitions": partitions})
        print(f"{table.stream} account={account}: {len(files)} files merged, up to seq {last}")


def merge_each(spark, feed, target, stream, manifests):
    """Merges the accounts of a stream one by one, because all together failed; the exit code."""
    code = 0
    for account, manifest in manifests.items():
        # What was switched before the failure is not done again.
        table = Table(target, stream)
        state = table.state(account)
        try:
            files = unmerged(feed, account, manifest, stream, state)
            if files:
                merge(spark, feed.root, table, {account: ({**state, "mirror": manifest["mirror"]}, files)})
        except (Problem, *FAILURES) as problem:
            # What Spark says may quote a value.
            why = problem if isinstance(problem, Problem) else f"Spark cannot merge it ({type(problem).__name__})"
            print(f"{stream} account={account}: {why}; nothing of it is merged", file=sys.stderr)
            code = 1
    return code


def main(arguments):
    parser = argparse.ArgumentParser(description="Merges change files of many accounts into current tables.")
    parser.add_argument("--feed", required=True, help="the folder that holds account=NAME/manifest.json")
    parser.add_argument("--target", required=True, help="the folder of the tables")
    parser.add_argument("--stream", action="append", choices=STREAMS, help="only this one; may be repeated")
    asked = parser.parse_args(arguments)
    spark = SparkSession.builder.appName("qpien merge").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")  # a month is one of UTC
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "false")  # account=007 is a name
    corrected(spark)
    feed, target = Files(spark, asked.feed), Files(spark, asked.target)
    accounts, manifests, code = accounts_in(feed.names("")), {}, 0
    if not accounts:
        print(f"{asked.feed} holds no account=NAME folder", file=sys.stderr)
        return 2
    for account in accounts:
        try:
            manifest = manifest_of(feed, account)
        except Problem as problem:
            print(f"account={account}: {problem}; nothing of it is merged", file=sys.stderr)
            code = 1
            continue
        if manifest:
            manifests[account] = manifest
        else:
            print(f"account={account}: nothing was delivered yet")
    for stream in asked.stream or STREAMS:
        table, work = Table(target, stream), {}
        for account, manifest in manifests.items():
            state = table.state(account)
            try:
                files = unmerged(feed, account, manifest, stream, state)
            except Problem as problem:
                print(f"{stream} account={account}: {problem}; nothing of it is merged", file=sys.stderr)
                code = 1
                continue
            if files:
                work[account] = ({**state, "mirror": manifest["mirror"]}, files)
        if work:
            try:
                merge(spark, feed.root, table, work)
            except FAILURES:
                ours = {account: manifests[account] for account in work}
                code = max(code, merge_each(spark, feed, target, stream, ours))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
