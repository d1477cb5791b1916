"""Spark in a process of its own: SQL statements in, rows out, one JSON line each.

    python spark_shell.py URI TOKEN WAREHOUSE JAR
"""
import datetime
import decimal
import json
import sys

from pyspark.sql import SparkSession


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if hasattr(value, "asDict"):
        return {key: plain(item) for key, item in value.asDict().items()}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def main():
    uri, token, warehouse, jar = sys.argv[1:]
    settings = {
        "spark.jars": jar,
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.catalog.x": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.x.type": "rest",
        "spark.sql.catalog.x.uri": uri,
        "spark.sql.catalog.x.token": token,
        "spark.sql.catalog.x.warehouse": warehouse,
        "spark.sql.catalog.x.cache-enabled": "false",    # others write meanwhile
        "spark.sql.defaultCatalog": "x",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
    }
    builder = SparkSession.builder.master("local[1]").appName("interop")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        try:
            frame = spark.sql(json.loads(line)["sql"])
            answer = {"rows": [{key: plain(value) for key, value in row.asDict().items()} for row in frame.collect()]}
        except Exception as error:  # what the user would be shown, as text
            answer = {"error": f"{type(error).__name__}: {error}"[:4000]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
