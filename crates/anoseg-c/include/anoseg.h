/* The C interface of anoseg. Made from the sources of the crate anoseg-c by its test `header`. */

#ifndef ANOSEG_H
#define ANOSEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether a function did what it was asked to, or who can mend it.
typedef enum anoseg_status {
  // It did.
  ANOSEG_OK = 0,
  // An argument is null, out of range, or does not fit the model.
  ANOSEG_ARGUMENT = 1,
  // The image is bad: damaged, too large, no image.
  ANOSEG_IMAGE = 2,
  // The model file is bad.
  ANOSEG_MODEL = 3,
  // A file could not be read, the system gave no memory or threads.
  ANOSEG_ENVIRONMENT = 4,
  // A fault of this library.
  ANOSEG_BUG = 5,
} anoseg_status;

// What follows from a score.
typedef enum anoseg_decision {
  // The score is at most the review threshold.
  ANOSEG_GOOD = 0,
  // A person should inspect the part.
  ANOSEG_REVIEW = 1,
  // The score is above the image threshold.
  ANOSEG_REJECT = 2,
} anoseg_decision;

// How pixels are stored.
typedef enum anoseg_pixel_format {
  // One byte a pixel.
  ANOSEG_GREY8 = 0,
  // One uint16_t a pixel in the byte order of the machine; 65535 is white.
  ANOSEG_GREY16 = 1,
  // Red, green, blue: one byte each.
  ANOSEG_RGB8 = 2,
  // Blue, green, red: one byte each, as OpenCV has them.
  ANOSEG_BGR8 = 3,
  // Red, green, blue, alpha: one byte each. Alpha is ignored.
  ANOSEG_RGBA8 = 4,
  // Blue, green, red, alpha: one byte each. Alpha is ignored.
  ANOSEG_BGRA8 = 5,
} anoseg_pixel_format;

// The result of an inspection, with its memory.
typedef struct anoseg_inspection anoseg_inspection;

// A model that is ready to inspect images.
typedef struct anoseg_model anoseg_model;

// What a model is. Texts belong to the model and are valid until it is freed.
typedef struct anoseg_model_info {
  // BLAKE3 of the model file's contents, in hexadecimal.
  const char *digest;
  // The description in the model file as JSON: architecture, preprocessing, thresholds, training.
  const char *description;
  // Whether it has thresholds. Without them it inspects nothing, and the three values are NaN.
  bool calibrated;
  // An image is rejected when its score is greater.
  float image_threshold;
  // An image is to be reviewed when its score is greater.
  float review_threshold;
  // A pixel is marked when its value is greater.
  float pixel_threshold;
} anoseg_model_info;

// An image in the memory of the caller. It is read during the call that it is given to, and never kept.
typedef struct anoseg_image {
  // The first pixel of the first row.
  const uint8_t *data;
  // Width in pixels, at least 1.
  size_t width;
  // Height in pixels, at least 1.
  size_t height;
  // Bytes from the start of a row to that of the next; 0 where rows follow each other without padding. The last
  // row needs no padding.
  size_t stride;
  // One of anoseg_pixel_format.
  uint32_t format;
} anoseg_image;

// A connected region of anomalous pixels, in pixels of the image.
typedef struct anoseg_region {
  // Left column of the bounding box.
  size_t x;
  // Top row of the bounding box.
  size_t y;
  // Width of the bounding box.
  size_t width;
  // Height of the bounding box.
  size_t height;
  // Pixels of the region.
  size_t area;
  // Column of the most anomalous pixel.
  size_t peak_x;
  // Row of the most anomalous pixel.
  size_t peak_y;
  // The anomaly map's value there, 0 to 1.
  float peak;
} anoseg_region;

// The result of an inspection. Its pointers belong to the inspection and are valid until it is freed.
typedef struct anoseg_result {
  // What follows.
  enum anoseg_decision decision;
  // How anomalous the image is, 0 to 1.
  float score;
  // Width of image, map and mask in pixels.
  size_t width;
  // Their height.
  size_t height;
  // How anomalous each pixel is, 0 to 1: height rows of width values, without padding.
  const float *map;
  // 255 for the pixels of the regions, 0 for others: height rows of width bytes, without padding.
  const uint8_t *mask;
  // The regions, the highest peak first.
  const struct anoseg_region *regions;
  // Number of regions.
  size_t region_count;
  // What makes the result doubtful, in words, UTF-8.
  const char *const *warnings;
  // Number of warnings; usually 0.
  size_t warning_count;
} anoseg_result;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The message of the last call that failed in this thread, UTF-8; empty before the first. It is valid until the
// next call of this library in this thread.
const char *anoseg_v1_last_error(void);

// The version of the library, such as "0.1.0". It is valid for ever.
const char *anoseg_v1_version(void);

// Loads a model file. `path` is UTF-8 (on Unix any bytes). The model computes on `threads` threads of its own; 0:
// on threads that all such models share, one for each processor. `*model` is to be freed by
// anoseg_v1_model_free.
//
// # Safety
// `path` is null or ends with a byte of 0; `model` is null or points to a pointer.
enum anoseg_status anoseg_v1_model_load(const char *path,
                                        size_t threads,
                                        struct anoseg_model **model);

// The same from the bytes of a model file, which are not needed any more afterwards.
//
// # Safety
// `bytes` is null or points to `length` bytes; `model` is null or points to a pointer.
enum anoseg_status anoseg_v1_model_from_bytes(const uint8_t *bytes,
                                              size_t length,
                                              size_t threads,
                                              struct anoseg_model **model);

// Tells what a model is.
//
// # Safety
// `model` is null or a model that is not freed; `info` is null or points to an anoseg_model_info.
enum anoseg_status anoseg_v1_model_describe(const struct anoseg_model *model, struct anoseg_model_info *info);

// Frees a model. NULL is allowed.
//
// # Safety
// `model` is null or a model that is not freed and that no other thread uses.
void anoseg_v1_model_free(struct anoseg_model *model);

// Inspects an image. `*inspection` is to be freed by anoseg_v1_inspection_free.
//
// # Safety
// `model` is null or a model that is not freed; `image` is null or points to an image whose pixels are there and
// are not written meanwhile; `inspection` is null or points to a pointer.
enum anoseg_status anoseg_v1_inspect(const struct anoseg_model *model,
                                     const struct anoseg_image *image,
                                     struct anoseg_inspection **inspection);

// Inspects an image file (PNG, JPEG, TIFF, BMP and the other formats of anoseg), as `anoseg predict` does.
//
// # Safety
// `model` is null or a model that is not freed; `path` is null or ends with a byte of 0; `inspection` is null or
// points to a pointer.
enum anoseg_status anoseg_v1_inspect_file(const struct anoseg_model *model,
                                          const char *path,
                                          struct anoseg_inspection **inspection);

// Inspects the bytes of an image file.
//
// # Safety
// `model` is null or a model that is not freed; `bytes` is null or points to `length` bytes; `inspection` is null
// or points to a pointer.
enum anoseg_status anoseg_v1_inspect_bytes(const struct anoseg_model *model,
                                           const uint8_t *bytes,
                                           size_t length,
                                           struct anoseg_inspection **inspection);

// Reads the result of an inspection.
//
// # Safety
// `inspection` is null or one that is not freed; `result` is null or points to an anoseg_result.
enum anoseg_status anoseg_v1_inspection_read(const struct anoseg_inspection *inspection,
                                             struct anoseg_result *result);

// Frees an inspection, with everything that its result points to. NULL is allowed.
//
// # Safety
// `inspection` is null or one that is not freed and that no other thread uses.
void anoseg_v1_inspection_free(struct anoseg_inspection *inspection);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ANOSEG_H */
