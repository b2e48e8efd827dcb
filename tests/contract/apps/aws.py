"""A plain app that signs its requests: ``aws.py URL`` calls S3, SQS and DynamoDB there, by botocore and by requests.

Time and random ids stand still, so that two runs sign alike. Every name leads to the loopback.
"""

import datetime as dt
import io
import json
import socket
import sys
import uuid

import botocore.auth
import botocore.config
import botocore.credentials
import botocore.session
import requests

NOW = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - botocore's own has no time zone
botocore.auth.get_current_datetime = lambda *_, **__: NOW
uuid.uuid4 = lambda: uuid.UUID(int=7)
real = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **named: real("127.0.0.1", *more, **named)


class Signed(requests.auth.AuthBase):
    """AWS Signature Version 4 over every header that the request has."""

    def __init__(self, credentials):
        self.signer = botocore.auth.SigV4Auth(credentials, "execute-api", "eu-west-1")

    def __call__(self, request):
        whole = botocore.awsrequest.AWSRequest(request.method, request.url, request.headers, request.body)
        self.signer.add_auth(whole)
        request.headers.update(dict(whole.headers.items()))
        return request


def main(url):
    session = botocore.session.Session()
    session.set_credentials("AKIDEXAMPLE", "secret", "token")
    config = botocore.config.Config(
        region_name="eu-west-1", retries={"max_attempts": 0}, s3={"addressing_style": "path"}, signature_version="v4"
    )
    made = {name: session.create_client(name, endpoint_url=url, config=config) for name in ("s3", "sqs", "dynamodb")}
    said = []

    def call(function, **arguments):
        try:
            answer = function(**arguments)
        except Exception as error:  # noqa: BLE001 - whatever the library raises is the observation
            said.append([type(error).__name__, str(error)])
        else:
            said.append(answer["ResponseMetadata"]["HTTPStatusCode"])

    store = made["s3"]
    call(store.put_object, Bucket="b", Key="a key", Body=b"x" * 5000, Metadata={"Lane": "gray", "baggage": "1"})
    call(store.put_object, Bucket="b", Key="k", Body=io.BytesIO(b"y" * 70000))
    call(store.get_object, Bucket="b", Key="k", Range="bytes=0-9")
    call(store.delete_object, Bucket="b", Key="k")
    call(store.upload_part, Bucket="b", Key="k", PartNumber=1, UploadId="u", Body=b"z" * 10)
    call(made["sqs"].send_message, QueueUrl=url + "/1/queue", MessageBody="hello")
    call(made["dynamodb"].put_item, TableName="t", Item={"id": {"S": "1"}})
    presigned = store.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    with requests.Session() as plain:
        said.append(plain.get(presigned, timeout=10).status_code)
        auth = Signed(botocore.credentials.Credentials("AKIDEXAMPLE", "secret"))
        for method, body in (("GET", None), ("POST", b"abc")):
            headers = {"X-Custom": "1", "Baggage": "userId=7"}
            said.append(plain.request(method, url + "/x?b=2&a=1", data=body, headers=headers, auth=auth).status_code)
    print(json.dumps(said))  # noqa: T201 - tells the test what it sees


if __name__ == "__main__":
    main(sys.argv[1])
