"""`wh policy export --aws`: valid IAM policies, and a server that enforces them lets each role do its part alone."""
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from project import Project

boto3 = pytest.importorskip("boto3")
pytest.importorskip("moto")
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

BUCKET, PREFIX = "acme-lake", "lake"
LAYERS = ("raw", "processed", "feature", "quarantine", "system", "training_set")
ROLES = ("reader", "writer", "maintainer", "publisher", "admin")


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    project = Project.make(tmp_path_factory.mktemp("policy") / "flights")
    done = project.wh("policy", "export", "--aws", "--bucket", BUCKET, "--prefix", PREFIX)
    exported = json.loads(done.stdout)
    single = json.loads(project.wh("policy", "export", "--aws", "--bucket", BUCKET, "--prefix", PREFIX,
                                   "--role", "writer", "--on", "raw").stdout)
    by_name = {policy["name"]: policy["document"] for policy in exported["policies"]}
    assert by_name["weirhouse-raw-writer"] == single
    return by_name, exported["bucket_policy"]


def test_there_is_one_policy_for_each_role_and_layer(export):
    policies, _ = export
    assert set(policies) == {f"weirhouse-{layer}-{role}" for layer in LAYERS for role in ROLES}


def test_every_document_is_valid(export):
    parliament = pytest.importorskip("parliament")
    policies, bucket = export
    # It knows no condition key that is younger than itself; those are in the Amazon S3 user guide.
    young = {"s3:if-none-match", "s3:ObjectCreationOperation"}
    for name, document in {**policies, "bucket": bucket}.items():
        assert document["Version"] == "2012-10-17"
        sids = [statement["Sid"] for statement in document["Statement"]]
        assert len(set(sids)) == len(sids) and all(sid.isalnum() for sid in sids)
        assert len(json.dumps(document, separators=(",", ":"))) < 6144, "the limit of a managed policy"
        if name == "bucket":
            continue
        findings = parliament.analyze_policy_string(json.dumps(document)).findings
        wrong = [finding for finding in findings
                 if not any(key.lower() in str(finding).lower() for key in young)]
        assert not wrong, f"{name}: {wrong}"


# ---- Conditions. The server below ignores those that it does not know, so they are evaluated here, by the rules of
# the IAM user guide ("IAM JSON policy elements: Condition operators").
def holds(condition, context):
    for operator, keys in condition.items():
        for key, expected in keys.items():
            values = expected if isinstance(expected, list) else [expected]
            if operator == "Null":
                if (key not in context) != (values == ["true"]):
                    return False
            elif operator == "Bool":
                if key not in context or str(context[key]).lower() not in values:
                    return False
            elif operator == "StringLike":
                import fnmatch
                if key not in context or not any(fnmatch.fnmatchcase(context[key], value) for value in values):
                    return False
            else:
                raise AssertionError(f"an operator that this test does not know: {operator}")
    return True


def decides(document, action, resource, context):
    import fnmatch
    effects = [statement["Effect"] for statement in document["Statement"]
               if action in statement["Action"]
               and any(fnmatch.fnmatchcase(resource, pattern) for pattern in statement["Resource"])
               and holds(statement.get("Condition", {}), context)]
    return "Deny" if "Deny" in effects else "Allow" if effects else "nothing"


def arn(key):
    return f"arn:aws:s3:::{BUCKET}/{PREFIX}/{key}"


@pytest.mark.parametrize("role", ["writer", "maintainer", "publisher", "admin"])
def test_raw_is_written_only_where_nothing_is(export, role):
    document = export[0][f"weirhouse-raw-{role}"]
    creates = {"s3:ObjectCreationOperation": True}
    put = ("s3:PutObject", arn("raw/trip/data/a.parquet"))
    assert decides(document, *put, {**creates, "s3:if-none-match": "*"}) == "Allow"
    assert decides(document, *put, creates) == "nothing"
    assert decides(document, *put, {**creates, "s3:if-match": "etag"}) == "nothing"
    assert decides(document, *put, {"s3:ObjectCreationOperation": False}) == "Allow"  # a part of an upload
    for action in ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectAcl", "s3:BypassGovernanceRetention"):
        assert decides(document, action, arn("raw/trip/data/a.parquet"), creates) == "nothing"
    assert decides(document, "s3:PutObject", arn("processed/x"), {"s3:if-none-match": "*"}) == "nothing"


def test_lists_end_at_the_prefix(export):
    document = export[0]["weirhouse-raw-reader"]
    bucket = f"arn:aws:s3:::{BUCKET}"
    assert decides(document, "s3:ListBucket", bucket, {"s3:prefix": "lake/raw/trip/"}) == "Allow"
    for prefix in ("", "lake/", "lake/processed/", "lake/rawer/"):
        assert decides(document, "s3:ListBucket", bucket, {"s3:prefix": prefix}) == "nothing", prefix
    assert decides(document, "s3:ListBucket", bucket, {}) == "nothing"


def test_the_bucket_refuses_to_lose_raw_whoever_asks(export):
    document = export[1]
    creates = {"s3:ObjectCreationOperation": True}
    for action in ("s3:DeleteObject", "s3:DeleteObjectVersion"):
        assert decides(document, action, arn("raw/x"), {}) == "Deny"
        assert decides(document, action, arn("processed/x"), {}) == "nothing"
    assert decides(document, "s3:PutObject", arn("raw/x"), creates) == "Deny"
    assert decides(document, "s3:PutObject", arn("raw/x"), {**creates, "s3:if-none-match": "*"}) == "nothing"
    assert decides(document, "s3:PutObject", arn("raw/x"), {"s3:ObjectCreationOperation": False}) == "nothing"


# ---- A server that enforces them
@pytest.fixture(scope="module")
def server():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "1000000"})
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/moto-api/", timeout=1).read()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def client(url, service, key="root", secret="root"):
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", aws_access_key_id=key,
                        aws_secret_access_key=secret,
                        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"},
                                      request_checksum_calculation="when_required"))


@pytest.fixture(scope="module")
def principals(server, export):
    """A bucket with an object in each layer, and a user for each role and layer; from then on calls are judged."""
    policies, _ = export
    s3, iam = client(server, "s3"), client(server, "iam")
    s3.create_bucket(Bucket=BUCKET)
    for layer in LAYERS:
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{layer}/t/old", Body=b"1")
    keys = {}
    for name, document in policies.items():
        iam.create_user(UserName=name)
        made = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(document))
        iam.attach_user_policy(UserName=name, PolicyArn=made["Policy"]["Arn"])
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys[name] = (key["AccessKeyId"], key["SecretAccessKey"])
    judge = urllib.request.Request(f"{server}/moto-api/reset-auth", data=b"0", headers={"content-type": "text/plain"})
    urllib.request.urlopen(judge).read()
    yield {name: client(server, "s3", *pair) for name, pair in keys.items()}


def allowed(call):
    try:
        call()
        return True
    except ClientError as error:
        if error.response["Error"]["Code"] in ("AccessDenied", "403", "Forbidden"):
            return False
        raise


def calls(s3, layer):
    key = f"{PREFIX}/{layer}/t"
    return {
        "get": lambda: s3.get_object(Bucket=BUCKET, Key=f"{key}/old"),
        "put": lambda: s3.put_object(Bucket=BUCKET, Key=f"{key}/{time.monotonic_ns()}", Body=b"2", IfNoneMatch="*"),
        "delete": lambda: s3.delete_object(Bucket=BUCKET, Key=f"{key}/none"),
    }


FOREIGN = ("raw", "processed")
EXPECTED = {
    "get": lambda layer, role: True,
    "put": lambda layer, role: role == "admin" or (layer in FOREIGN and role != "reader"),
    "delete": lambda layer, role: layer != "raw" and (role == "admin" or (layer in FOREIGN and role == "maintainer")),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("role", ROLES)
def test_the_server_allows_each_role_its_part_alone(principals, layer, role):
    s3 = principals[f"weirhouse-{layer}-{role}"]
    for what, call in calls(s3, layer).items():
        assert allowed(call) == EXPECTED[what](layer, role), f"{role} on {layer}: {what}"
    elsewhere = "processed" if layer == "raw" else "raw"
    for what, call in calls(s3, elsewhere).items():
        assert not allowed(call), f"{role} of {layer} on {elsewhere}: {what}"


def test_what_is_there_is_not_written_over(principals):
    s3 = principals["weirhouse-raw-writer"]
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/raw/t/old", Body=b"other", IfNoneMatch="*")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert s3.get_object(Bucket=BUCKET, Key=f"{PREFIX}/raw/t/old")["Body"].read() == b"1"
