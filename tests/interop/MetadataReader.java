import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import org.apache.iceberg.TableMetadata;
import org.apache.iceberg.TableMetadataParser;

/** Prints, for each path that a file lists, what Iceberg's own parser read there: one JSON line. */
public class MetadataReader {
  public static void main(String[] args) throws Exception {
    StringBuilder out = new StringBuilder();
    for (String path : Files.readAllLines(Paths.get(args[0]))) {
      String json = new String(Files.readAllBytes(Path.of(path)), StandardCharsets.UTF_8);
      try {
        TableMetadata metadata = TableMetadataParser.fromJson(null, json);
        out.append(TableMetadataParser.toJson(metadata)).append('\n');
      } catch (RuntimeException error) {
        throw new IllegalStateException(path, error);
      }
    }
    Files.write(Paths.get(args[1]), out.toString().getBytes(StandardCharsets.UTF_8));
  }
}
