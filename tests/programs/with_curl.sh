# The same by curl.
set -eu
call() { curl --silent --show-error --fail --header 'Authorization: Bearer sk-of-a-program' "$@"; }
field() { sed "s/.*\"$1\": *\\[\\{0,1\\}\"\\([^\"]*\\)\".*/\\1/"; }

video='{"model": "kling-o1-video-edit-fast", "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}'
task=$(call https://api.evolink.ai/v1/videos/generations --header 'Content-Type: application/json' --data "$video")
id=$(echo "$task" | field id)
while echo "$task" | grep -qE '"status": *"(pending|processing)"'
do
  task=$(call "https://api.evolink.ai/v1/tasks/$id")
done
echo "$(echo "$task" | field status) $(call "$(echo "$task" | field results)" | wc -c | tr -d ' ')"
