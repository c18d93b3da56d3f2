"""Reads or writes Avro records with Confluent's Python client and fastavro.

read <brokers> <registry> <topic> <count>: prints each record's value as a line of JSON. With a schema on standard
input, records are read as that one.
write <brokers> <registry> <topic> <type>: {"schema": …, "values": […]} on standard input; registers the schema, and
writes the values as CloudEvents of that type.
"""

import json
import sys
import time
import uuid

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

TIME_LIMIT_S = 30


def read(brokers, registry, topic, count):
    schema = sys.stdin.read()
    deserialize = AvroDeserializer(registry, schema or None)
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": str(uuid.uuid4()), "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    end = time.monotonic() + TIME_LIMIT_S
    left = int(count)
    while left > 0:
        if time.monotonic() > end:
            sys.exit(f"{left} records did not come")
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error():
            sys.exit(str(message.error()))
        value = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE))
        print(json.dumps(value))
        left -= 1
    consumer.close()


def write(brokers, registry, topic, event):
    given = json.load(sys.stdin)
    serialize = AvroSerializer(registry, json.dumps(given["schema"]))
    producer = Producer({"bootstrap.servers": brokers})
    failures = []
    for value in given["values"]:
        producer.produce(
            topic,
            serialize(value, SerializationContext(topic, MessageField.VALUE)),
            headers={
                "ce_specversion": "1.0",
                "ce_id": str(uuid.uuid4()),
                "ce_type": event,
                "ce_source": "python",
                "content-type": "application/avro",
            },
            on_delivery=lambda error, _: error and failures.append(str(error)),
        )
    if producer.flush(TIME_LIMIT_S) > 0 or failures:
        sys.exit(f"not written: {failures}")


command, brokers, url, topic, argument = sys.argv[1:]
{"read": read, "write": write}[command](brokers, SchemaRegistryClient({"url": url}), topic, argument)
