// The same by net/http.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const api = "https://api.evolink.ai"
const video = `{"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}`

type task struct {
	ID      string
	Status  string
	Results []string
}

func read(method, url, body string) []byte {
	request, _ := http.NewRequest(method, url, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer sk-of-a-program")
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	content, _ := io.ReadAll(response.Body)
	return content
}

func main() {
	var one task
	json.Unmarshal(read("POST", api+"/v1/videos/generations", video), &one)
	for one.Status == "pending" || one.Status == "processing" {
		json.Unmarshal(read("GET", api+"/v1/tasks/"+one.ID, ""), &one)
	}
	fmt.Println(one.Status, len(read("GET", one.Results[0], "")))
}
