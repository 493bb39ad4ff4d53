<?php
// The same by PHP's curl extension.
const API = "https://api.evolink.ai";
const VIDEO = ["model" => "kling-o1-video-edit-fast", "prompt" => "Snow", "video_urls" => ["https://example.com/street.mp4"]];

function fetch(string $url, ?array $body = null): string {
    $curl = curl_init($url);
    $headers = ["Authorization: Bearer sk-of-a-program", "Content-Type: application/json"];
    curl_setopt_array($curl, [CURLOPT_RETURNTRANSFER => true, CURLOPT_HTTPHEADER => $headers]);
    if ($body !== null) {
        curl_setopt($curl, CURLOPT_POSTFIELDS, json_encode($body));
    }
    $answer = curl_exec($curl);
    if ($answer === false) {
        fwrite(STDERR, curl_error($curl) . "\n");
        exit(1);
    }
    return $answer;
}

$task = json_decode(fetch(API . "/v1/videos/generations", VIDEO), true);
while (in_array($task["status"], ["pending", "processing"])) {
    $task = json_decode(fetch(API . "/v1/tasks/" . $task["id"]), true);
}
echo $task["status"], " ", strlen(fetch($task["results"][0])), "\n";
