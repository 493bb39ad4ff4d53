# The same by Ruby's own Net::HTTP.
require "json"
require "net/http"

API = "https://api.evolink.ai".freeze
HEADERS = { "Authorization" => "Bearer sk-of-a-program", "Content-Type" => "application/json" }.freeze
VIDEO = { model: "kling-o1-video-edit-fast", prompt: "Snow", video_urls: ["https://example.com/street.mp4"] }.freeze

task = JSON.parse(Net::HTTP.post(URI("#{API}/v1/videos/generations"), VIDEO.to_json, HEADERS).body)
while %w[pending processing].include?(task["status"])
  task = JSON.parse(Net::HTTP.get(URI("#{API}/v1/tasks/#{task["id"]}"), HEADERS))
end
puts "#{task["status"]} #{Net::HTTP.get(URI(task["results"][0])).bytesize}"
