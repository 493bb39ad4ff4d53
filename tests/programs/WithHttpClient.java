// The same by java.net.http.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.regex.Pattern;

public class WithHttpClient {
    static final String API = "https://api.evolink.ai";
    static final String VIDEO = "{\"model\": \"kling-o1-video-edit-fast\", \"prompt\": \"Snow\","
        + " \"video_urls\": [\"https://example.com/street.mp4\"]}";
    static final HttpClient client = HttpClient.newHttpClient();

    static HttpRequest.Builder request(String url) {
        return HttpRequest.newBuilder(URI.create(url))
            .header("Authorization", "Bearer sk-of-a-program").header("Content-Type", "application/json");
    }

    static String field(String json, String name) {
        var found = Pattern.compile("\"" + name + "\":\\s*\\[?\"([^\"]*)\"").matcher(json);
        return found.find() ? found.group(1) : "";
    }

    public static void main(String[] arguments) throws Exception {
        var submit = request(API + "/v1/videos/generations").POST(BodyPublishers.ofString(VIDEO)).build();
        var task = client.send(submit, BodyHandlers.ofString()).body();
        var query = request(API + "/v1/tasks/" + field(task, "id")).build();
        while (field(task, "status").equals("pending") || field(task, "status").equals("processing")) {
            task = client.send(query, BodyHandlers.ofString()).body();
        }
        var result = client.send(request(field(task, "results")).build(), BodyHandlers.ofByteArray()).body();
        System.out.println(field(task, "status") + " " + result.length);
    }
}
