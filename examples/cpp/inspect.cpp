// Inspects an image with a model that was exported with --with-preprocessing: score, decision, peak of the map.
//   inspect part.onnx part.ppm
#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

struct Image {
    int64_t width = 0, height = 0;
    std::vector<uint8_t> pixels;  // height x width x 3: red, green, blue
};

// A binary PPM of 8 bits, without comments. Any decoder will do that gives red, green and blue and turns the image
// upright (the orientation in EXIF), as `anoseg predict` does.
Image read_ppm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string kind;
    int most = 0;
    Image image;
    file >> kind >> image.width >> image.height >> most;
    file.get();  // one white space ends the header
    if (!file || kind != "P6" || most != 255) throw std::runtime_error(path + " is not a PPM of 8 bits");
    image.pixels.resize(3 * image.width * image.height);
    file.read(reinterpret_cast<char*>(image.pixels.data()), image.pixels.size());
    if (!file) throw std::runtime_error(path + " is cut short");
    return image;
}

// A threshold of the model's description; false where the model was not calibrated.
bool threshold(const std::string& description, const std::string& key, float& value) {
    auto at = description.find("\"calibration\":{");
    if (at != std::string::npos) at = description.find("\"" + key + "\":", at);
    if (at == std::string::npos) return false;
    value = std::strtof(description.c_str() + at + key.size() + 3, nullptr);
    return true;
}

// An entry of the file's metadata; empty where there is none.
std::string metadata(const Ort::Session& session, const char* key) {
    Ort::AllocatorWithDefaultOptions allocator;
    auto entry = session.GetModelMetadata().LookupCustomMetadataMapAllocated(key, allocator);
    return entry ? entry.get() : "";
}

// The list `outside` of the metadata `anoseg_export`, as JSON without its brackets.
std::string outside(const std::string& text) {
    const std::string key = "\"outside\":[";
    const auto begin = text.find(key);
    if (begin == std::string::npos) return "";
    return text.substr(begin + key.size(), text.find(']', begin) - begin - key.size());
}

int main(int count, char** arguments) try {
    if (count != 3) throw std::runtime_error("usage: inspect MODEL.onnx IMAGE.ppm");
    Ort::Env environment;
    Ort::Session session(environment, arguments[1], Ort::SessionOptions{});
    Image image = read_ppm(arguments[2]);
    const int64_t shape[] = {1, image.height, image.width, 3};
    auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    auto input = Ort::Value::CreateTensor<uint8_t>(memory, image.pixels.data(), image.pixels.size(), shape, 4);
    const char* inputs[] = {"input"};
    const char* outputs[] = {"anomaly_map", "pred_score"};
    auto results = session.Run(Ort::RunOptions{}, inputs, &input, 1, outputs, 2);

    float* map = results[0].GetTensorMutableData<float>();  // 1 x 1 x height x width of the network
    const float peak = *std::max_element(map, map + results[0].GetTensorTypeAndShapeInfo().GetElementCount());
    const float score = *results[1].GetTensorData<float>();
    const std::string description = metadata(session, "anoseg");
    // A region of interest, tiles and the like are not in the graph: the remarks say what must be done beside it.
    const std::string remarks = outside(metadata(session, "anoseg_export"));
    if (!remarks.empty()) std::fprintf(stderr, "not in the graph: %s\n", remarks.c_str());
    float review = 0, reject = 0;
    const char* decision = "good";
    if (!threshold(description, "review_threshold", review) || !threshold(description, "image_threshold", reject)) {
        decision = "none: the model has no thresholds";
    } else if (score > review) {
        decision = score > reject ? "reject" : "review";
    }
    std::printf("%.6f %s %.6f\n", score, decision, peak);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
