<?php
/**
 * Plugin Name: Assent
 * Description: Asks visitors through your own Assent, holds scripts back until they agree, and gives them the way back on every page.
 * Version: 1.0.0
 * Requires at least: 6.1
 * Requires PHP: 7.4
 * License: MIT OR Apache-2.0
 *
 * One setting (Settings → Privacy choices): the site's address on Assent, as https://privacy.example.org/v1/example. Which
 * scripts wait for which purpose is one filter, `assent_held_back`, for a theme or a plugin of yours. Stores nothing about
 * visitors; everything they say is between their browser and Assent.
 */

if (!defined('ABSPATH')) {
    exit;
}

/** The site's address on Assent, without a slash at the end; empty until it is set. */
function assent_site(): string
{
    return untrailingslashit((string) get_option('assent_site', ''));
}

/** Takes an https address of a site on Assent; anything else is refused and the old one stays. */
function assent_checked_site($value): string
{
    $value = untrailingslashit(trim((string) $value));
    $local = preg_match('~^http://([a-z0-9-]+\.)*localhost(:\d+)?/v1/[a-z0-9-]+$~', $value);
    if ($value === '' || $local || preg_match('~^https://[a-z0-9.-]+(:\d+)?/v1/[a-z0-9-]+$~', $value)) {
        return $value;
    }
    add_settings_error('assent_site', 'assent', __('Write the address as https://privacy.example.org/v1/example.', 'assent'));
    return assent_site();
}

/** The embed speaks the page's language where the notice has it. */
function assent_language(): string
{
    return rawurlencode(str_replace('_', '-', get_locale()));
}

// The tag, before everything else in the head, so that it can begin before the page's own scripts.
add_action('wp_head', function () {
    if (assent_site() !== '' && !is_admin()) {
        $address = assent_site() . '/embed.js?lang=' . assent_language();
        wp_print_script_tag(['src' => esc_url($address), 'async' => true]);
    }
}, 0);

// The way back, in the footer of every page. It is a page of its own where there is no script.
add_action('wp_footer', function () {
    if (assent_site() !== '') {
        $address = assent_site() . '/choices?lang=' . assent_language();
        printf(
            '<p class="assent-choices"><a data-assent="open" href="%s">%s</a></p>',
            esc_url($address),
            esc_html(apply_filters('assent_choices_label', __('Your privacy choices', 'assent')))
        );
    }
});

// Scripts that wait: `add_filter('assent_held_back', fn ($held) => $held + ['my-tracker' => 'analytics']);`
// What stands before and behind such a script as a part of it waits, too.
add_filter('script_loader_tag', function ($tag, $handle) {
    $held = (array) apply_filters('assent_held_back', []);
    if (!isset($held[$handle]) || !is_string($tag)) {
        return $tag;
    }
    return preg_replace_callback('~<script\b([^>]*)>~i', function (array $found) use ($held, $handle): string {
        preg_match('~\stype=(["\']?)([^"\'\s>]*)\1~i', $found[1], $type);
        $type = strtolower($type[2] ?? '');
        if (!in_array($type, ['', 'module', 'text/javascript', 'application/javascript'], true)) {
            return $found[0];
        }
        $attributes = preg_replace('~\stype=(["\']?)[^"\'\s>]*\1~i', '', $found[1]);
        $module = $type === 'module' ? ' data-type="module"' : '';
        return '<script type="text/plain" data-purpose="' . esc_attr($held[$handle]) . '"' . $module . $attributes . '>';
    }, $tag);
}, 10, 2);

// Films and other frames that WordPress embeds wait for the purpose named `embeds`, or the one that this filter names.
add_filter('embed_oembed_html', function ($html) {
    $purpose = (string) apply_filters('assent_embeds_purpose', 'embeds');
    if (assent_site() === '' || $purpose === '' || !is_string($html) || stripos($html, '<iframe') === false) {
        return $html;
    }
    return preg_replace('~<iframe([^>]*)\ssrc=~i', '<iframe data-purpose="' . esc_attr($purpose) . '"$1 data-src=', $html);
});

add_action('admin_init', function () {
    register_setting('assent', 'assent_site', ['type' => 'string', 'sanitize_callback' => 'assent_checked_site']);
});

add_action('admin_menu', function () {
    add_options_page(__('Privacy choices', 'assent'), __('Privacy choices', 'assent'), 'manage_options', 'assent', function () {
        ?>
        <div class="wrap">
            <h1><?php esc_html_e('Privacy choices', 'assent'); ?></h1>
            <form method="post" action="options.php">
                <?php settings_fields('assent'); ?>
                <p>
                    <label for="assent_site"><?php esc_html_e('The site’s address on Assent', 'assent'); ?></label><br>
                    <input type="url" class="regular-text code" id="assent_site" name="assent_site"
                        placeholder="https://privacy.example.org/v1/example" value="<?php echo esc_attr(assent_site()); ?>">
                </p>
                <?php submit_button(); ?>
            </form>
        </div>
        <?php
    });
});
