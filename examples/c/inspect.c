/* Inspects an image: inspect_c MODEL IMAGE.ppm (binary PPM, 8 bits). */
#include <stdio.h>
#include <stdlib.h>

#include "anoseg.h"

static const char *const DECISIONS[] = {"good", "review", "reject"};

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, anoseg_v1_last_error());
    return 1;
}

/* The pixels of a PPM file, to be freed; NULL where it is none. */
static unsigned char *read_ppm(const char *path, size_t *width, size_t *height) {
    FILE *file = fopen(path, "rb");
    unsigned char *pixels = NULL;
    if (file == NULL) {
        return NULL;
    }
    if (fscanf(file, "P6 %zu %zu 255", width, height) == 2 && fgetc(file) != EOF && *width > 0 && *height > 0 &&
        *width <= 65535 && *height <= 65535) {
        size_t bytes = 3 * *width * *height;
        pixels = malloc(bytes);
        if (pixels != NULL && fread(pixels, 1, bytes, file) != bytes) {
            free(pixels);
            pixels = NULL;
        }
    }
    fclose(file);
    return pixels;
}

int main(int count, char **arguments) {
    anoseg_model *model = NULL;
    anoseg_inspection *inspection = NULL;
    anoseg_result result;
    anoseg_image image = {NULL, 0, 0, 0, ANOSEG_RGB8};
    unsigned char *pixels;
    size_t i;

    if (count != 3) {
        fprintf(stderr, "usage: %s MODEL IMAGE.ppm\n", arguments[0]);
        return 2;
    }
    if (anoseg_v1_model_load(arguments[1], 0, &model) != ANOSEG_OK) {
        return fail("model");
    }
    pixels = read_ppm(arguments[2], &image.width, &image.height);
    if (pixels == NULL) {
        fprintf(stderr, "%s: no binary PPM file of 8 bits\n", arguments[2]);
        anoseg_v1_model_free(model);
        return 1;
    }
    image.data = pixels;
    if (anoseg_v1_inspect(model, &image, &inspection) != ANOSEG_OK ||
        anoseg_v1_inspection_read(inspection, &result) != ANOSEG_OK) {
        free(pixels);
        anoseg_v1_model_free(model);
        return fail(arguments[2]);
    }
    free(pixels);

    printf("%s %.6f\n", DECISIONS[result.decision], result.score);
    for (i = 0; i < result.region_count; i++) {
        const anoseg_region *region = &result.regions[i];
        printf("region %zu,%zu %zux%zu, %zu pixels, peak %.6f\n", region->x, region->y, region->width, region->height,
               region->area, region->peak);
    }
    for (i = 0; i < result.warning_count; i++) {
        fprintf(stderr, "warning: %s\n", result.warnings[i]);
    }
    anoseg_v1_inspection_free(inspection);
    anoseg_v1_model_free(model);
    return 0;
}
