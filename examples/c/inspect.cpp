// Inspects an image: inspect_cpp MODEL IMAGE. With OpenCV every file that it reads, without it a binary PPM.
//
// The pixels are given in OpenCV's layout: blue, green, red; rows `step` bytes apart. Nothing is copied.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "anoseg.h"

#ifdef WITH_OPENCV
#include <opencv2/imgcodecs.hpp>
using Frame = cv::Mat;
#else
// What is used of cv::Mat.
struct Frame {
    int rows = 0, cols = 0;
    std::size_t step = 0;
    std::vector<unsigned char> bytes;
    unsigned char *data = nullptr;
};
#endif

namespace {

void check(anoseg_status status) {
    if (status != ANOSEG_OK) {
        throw std::runtime_error(anoseg_v1_last_error());
    }
}

struct Free {
    void operator()(anoseg_model *model) const { anoseg_v1_model_free(model); }
    void operator()(anoseg_inspection *inspection) const { anoseg_v1_inspection_free(inspection); }
};

// Owns a model. Threads may share it.
class Model {
public:
    explicit Model(const std::string &path) {
        anoseg_model *model = nullptr;
        check(anoseg_v1_model_load(path.c_str(), 0, &model));
        model_.reset(model);
    }

    std::unique_ptr<anoseg_inspection, Free> inspect(const Frame &frame) const {
        const anoseg_image image{frame.data, static_cast<std::size_t>(frame.cols), static_cast<std::size_t>(frame.rows),
                                 frame.step, ANOSEG_BGR8};
        anoseg_inspection *inspection = nullptr;
        check(anoseg_v1_inspect(model_.get(), &image, &inspection));
        return std::unique_ptr<anoseg_inspection, Free>(inspection);
    }

private:
    std::unique_ptr<anoseg_model, Free> model_;
};

Frame read(const std::string &path) {
#ifdef WITH_OPENCV
    Frame frame = cv::imread(path, cv::IMREAD_COLOR);
    if (frame.empty()) {
        throw std::runtime_error(path + ": OpenCV cannot read it");
    }
    return frame;
#else
    std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(std::fopen(path.c_str(), "rb"), std::fclose);
    Frame frame;
    if (!file || std::fscanf(file.get(), "P6 %d %d 255", &frame.cols, &frame.rows) != 2 || std::fgetc(file.get()) == EOF ||
        frame.cols < 1 || frame.rows < 1 || frame.cols > 65535 || frame.rows > 65535) {
        throw std::runtime_error(path + ": no binary PPM file of 8 bits");
    }
    // Rows are padded, as those of a part of a larger image in OpenCV.
    frame.step = 3 * static_cast<std::size_t>(frame.cols) + 7;
    frame.bytes.resize(frame.step * static_cast<std::size_t>(frame.rows));
    for (int row = 0; row < frame.rows; ++row) {
        unsigned char *pixels = frame.bytes.data() + frame.step * static_cast<std::size_t>(row);
        if (std::fread(pixels, 3, static_cast<std::size_t>(frame.cols), file.get()) != static_cast<std::size_t>(frame.cols)) {
            throw std::runtime_error(path + ": cut short");
        }
        for (int column = 0; column < frame.cols; ++column) {
            std::swap(pixels[3 * column], pixels[3 * column + 2]);
        }
    }
    frame.data = frame.bytes.data();
    return frame;
#endif
}

}  // namespace

int main(int count, char **arguments) try {
    if (count != 3) {
        std::fprintf(stderr, "usage: %s MODEL IMAGE\n", arguments[0]);
        return 2;
    }
    const Model model(arguments[1]);
    const auto inspection = model.inspect(read(arguments[2]));
    anoseg_result result;
    check(anoseg_v1_inspection_read(inspection.get(), &result));
    static const char *const decisions[] = {"good", "review", "reject"};
    std::printf("%s %.6f\n", decisions[result.decision], result.score);
    for (const anoseg_region *region = result.regions; region != result.regions + result.region_count; ++region) {
        std::printf("region %zu,%zu %zux%zu, %zu pixels, peak %.6f\n", region->x, region->y, region->width, region->height,
                    region->area, region->peak);
    }
    for (std::size_t i = 0; i < result.warning_count; ++i) {
        std::fprintf(stderr, "warning: %s\n", result.warnings[i]);
    }
    return 0;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
