import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.io.JsonEncoder;

/**
 * Answers with Apache Avro's Java library: one JSON object a line from standard input, one to standard output, in the
 * same order. Ends when standard input does.
 */
public class JavaAvro {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HexFormat HEX = HexFormat.of();

  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    // Whatever a library prints must not stand between the answers.
    System.setOut(System.err);
    // A schema or a value may nest deeply: a thread of its own has a stack as large as it says.
    ExecutorService worker =
        Executors.newSingleThreadExecutor(task -> new Thread(null, task, "worker", 64L << 20));
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String request = line;
      worker.submit(() -> out.println(answer(request)));
    }
    worker.shutdown();
    worker.awaitTermination(5, TimeUnit.SECONDS);
    // Also where a request never ends: nobody waits for it any longer.
    Runtime.getRuntime().halt(0);
  }

  private static String answer(String line) {
    ObjectNode answer = JSON.createObjectNode();
    try {
      JsonNode request = JSON.readTree(line);
      switch (request.get("op").asText()) {
        case "compatible" -> compatible(request, answer);
        case "resolve" -> resolve(request, answer);
        case "encode" -> encode(request, answer);
        case "canonical" -> canonical(request, answer);
        default -> throw new IllegalArgumentException("unknown op " + request.get("op"));
      }
    } catch (Throwable error) {
      answer.removeAll();
      answer.put("error", error.getClass().getName());
      answer.put("message", String.valueOf(error.getMessage()));
    }
    return answer.toString();
  }

  private static void compatible(JsonNode request, ObjectNode answer) {
    var result =
        SchemaCompatibility.checkReaderWriterCompatibility(schema(request, "reader"), schema(request, "writer"))
            .getResult();
    answer.put("compatible", result.getCompatibility() == SchemaCompatibility.SchemaCompatibilityType.COMPATIBLE);
    ArrayNode incompatibilities = answer.putArray("incompatibilities");
    for (var each : result.getIncompatibilities()) {
      incompatibilities.addObject()
          .put("type", each.getType().name())
          .put("location", each.getLocation())
          .put("message", each.getMessage());
    }
  }

  private static void resolve(JsonNode request, ObjectNode answer) throws Exception {
    Schema writer = schema(request, "writer");
    Schema reader = schema(request, "reader");
    byte[] bytes = HEX.parseHex(request.get("hex").asText());
    BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(bytes, null);
    Object value = new GenericDatumReader<>(writer, reader).read(null, decoder);
    answer.put("atEnd", decoder.isEnd());
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    JsonEncoder encoder = EncoderFactory.get().jsonEncoder(reader, (OutputStream) json);
    new GenericDatumWriter<>(reader).write(value, encoder);
    encoder.flush();
    answer.put("json", json.toString(StandardCharsets.UTF_8));
  }

  private static void encode(JsonNode request, ObjectNode answer) throws Exception {
    Schema schema = schema(request, "schema");
    Object value =
        new GenericDatumReader<>(schema)
            .read(null, DecoderFactory.get().jsonDecoder(schema, request.get("json").asText()));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
    new GenericDatumWriter<>(schema).write(value, encoder);
    encoder.flush();
    answer.put("hex", HEX.formatHex(bytes.toByteArray()));
  }

  private static void canonical(JsonNode request, ObjectNode answer) throws Exception {
    Schema.Parser parser = new Schema.Parser();
    if (request.has("references")) {
      for (JsonNode reference : request.get("references")) parser.parse(reference.toString());
    }
    Schema schema = parser.parse(request.get("schema").toString());
    answer.put("form", SchemaNormalization.toParsingForm(schema));
    ObjectNode fingerprints = answer.putObject("fingerprints");
    for (String algorithm : new String[] {"CRC-64-AVRO", "MD5", "SHA-256"}) {
      fingerprints.put(algorithm, HEX.formatHex(SchemaNormalization.parsingFingerprint(algorithm, schema)));
    }
  }

  private static Schema schema(JsonNode request, String name) {
    return new Schema.Parser().parse(request.get(name).toString());
  }
}
